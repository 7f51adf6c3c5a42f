import { describe, expect, it } from '@jest/globals';
import { RevocationIncompleteError, SessionStoreUnavailableError } from 'nest-sessions';
import { anAuthentication, aTokenHash } from 'nest-sessions/testing';
import { setUpService } from '../../contract/harnesses/service-setup.js';
import { type HybridWorld, useHybridWorld, listIds, signIn } from './world.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

describe('hybrid: Redis goes away between the commit of a rotation and its copy', () => {
  let world: HybridWorld;

  useHybridWorld((opened) => (world = opened));

  it.each([
    ['a step-up', { authentication: { ...anAuthentication(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS } }],
    ['a change of credentials', { endOthers: { reason: 'credential-change', endedBy: null } as const }],
  ])('the token from before %s does not come back to life (I7, ASVS 7.2.4)', async (_what, change) => {
    const instance = await world.openInstance();
    const { id, tokenHash: before } = await signIn(instance.store, { userId: 'ada', awaitsSecondFactor: true });
    const after = aTokenHash();
    const gate = instance.calls.holdNext('after durable.rotate');
    const rotating = instance.store.rotate({
      id,
      expectedTokenHash: before,
      tokenHash: after,
      cause: 'rotation',
      ...change,
    });
    await gate.reached;
    instance.cutOff('redis');
    gate.open();
    await expect(rotating).rejects.toBeInstanceOf(RevocationIncompleteError);
    await instance.rejoin('redis');
    await instance.sweep();
    const found = await instance.store.find(id);
    expect(found.live && Buffer.from(found.record.tokenHash).equals(Buffer.from(after))).toBe(true);
  });

  it('a plain rotation leaves its client the token that it has', async () => {
    const instance = await world.openInstance();
    const { id, tokenHash: before } = await signIn(instance.store, { userId: 'grace' });
    const gate = instance.calls.holdNext('after durable.rotate');
    const rotating = instance.store.rotate({
      id,
      expectedTokenHash: before,
      tokenHash: aTokenHash(),
      cause: 'rotation',
    });
    await gate.reached;
    instance.cutOff('redis');
    gate.open();
    await expect(rotating).rejects.toBeInstanceOf(RevocationIncompleteError);
    await instance.rejoin('redis');
    const found = await instance.store.find(id);
    expect(found.live && Buffer.from(found.record.tokenHash).equals(Buffer.from(before))).toBe(true);
  });

  it('a change of credentials ends the other sessions although Redis is away and it rejects (ASVS 7.4.3)', async () => {
    const instance = await world.openInstance();
    const { service } = setUpService(instance.store);
    const own = await service.create({ userId: 'joan' });
    await service.create({ userId: 'joan' });
    instance.cutOff('redis');
    await expect(service.credentialsChanged(own.token)).rejects.toBeInstanceOf(SessionStoreUnavailableError);
    expect(await listIds(instance.store, 'joan')).toEqual([own.session.id]);
    await instance.rejoin('redis');
    await instance.sweep();
    expect(await listIds(instance.store, 'joan')).toEqual([own.session.id]);
    expect(await service.authenticate(own.token)).toMatchObject({ outcome: 'live' });
  });
});
