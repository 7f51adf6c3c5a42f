import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { anAuthentication } from 'nest-sessions/testing';
import type { NewSession } from 'nest-sessions/store';
import { type HybridWorld, useHybridWorld, signIn, type HybridInstance } from './world.js';

let world: HybridWorld;
let here: HybridInstance;
let there: HybridInstance;
let rounds = 0;
let provider: { issuer: string; sessionId: string };

useHybridWorld((opened) => (world = opened));
beforeAll(async () => {
  [here, there] = [await world.openInstance(), await world.openInstance()];
});
beforeEach(() => {
  provider = { issuer: 'https://idp.example', sessionId: `sid-${(rounds += 1)}` };
});

const logout = (overrides: { userId?: string } = {}) =>
  ({ ...provider, ...overrides, reason: 'idp-logout', endedBy: 'idp' }) as const;

const signInBy = (overrides: Partial<NewSession> = {}) =>
  signIn(here.store, {
    ...anAuthentication({ identityProvider: { ...provider, authenticatedAt: null } }),
    ...overrides,
  });

const expectOver = async (id: string) => {
  for (const { store } of [here, there]) expect(await store.find(id)).toMatchObject({ live: false });
};

describe('a logout by the identity provider in the hybrid store (ASVS 7.6.1)', () => {
  it('ends the rows with their audit rows and drops the copies, and no others', async () => {
    const [one, two] = [await signInBy(), await signInBy({ userId: 'bob' })];
    const stranger = await signIn(here.store);
    const ended = await there.store.revokeByIdentityProvider(logout());
    expect(ended.map(({ id }) => id).toSorted()).toEqual([one.id, two.id].toSorted());
    for (const { id } of [one, two]) {
      expect(await world.hasCopy(id)).toBe(false);
      expect(await world.auditOf(id)).toEqual(['session.created', 'session.ended idp-logout idp']);
      await expectOver(id);
    }
    expect(await world.hasCopy(stranger.id)).toBe(true);
    expect(await there.store.find(stranger.id)).toMatchObject({ live: true });
  });

  it.each(['before hot.promote', 'after durable.find'])(
    'is not undone by a fill that is held %s (keycloak/keycloak#51127)',
    async (point) => {
      const { id } = await signInBy();
      await world.redis.flushall();
      const gate = here.calls.holdNext(point);
      const filling = here.store.find(id);
      await gate.reached;
      expect(await there.store.revokeByIdentityProvider(logout())).toHaveLength(1);
      gate.open();
      expect(await filling).toMatchObject({ live: false });
      await expectOver(id);
    },
  );

  it('without Redis is incomplete, and made again it finishes what it had begun', async () => {
    const { id } = await signInBy();
    there.cutOff('redis');
    await expect(there.store.revokeByIdentityProvider(logout())).rejects.toMatchObject({
      code: 'SESSION_REVOCATION_INCOMPLETE',
      pending: 'redis',
    });
    expect(await world.hasCopy(id)).toBe(true);
    await there.rejoin('redis');
    expect(await there.store.revokeByIdentityProvider(logout())).toEqual([]);
    expect(await world.hasCopy(id)).toBe(false);
    await expectOver(id);
  });

  it('without Redis is finished by the sweeper of any instance', async () => {
    const { id } = await signInBy();
    there.cutOff('redis');
    await expect(there.store.revokeByIdentityProvider(logout())).rejects.toMatchObject({ pending: 'redis' });
    await here.sweep();
    expect(await world.hasCopy(id)).toBe(false);
    await there.rejoin('redis');
    await expectOver(id);
  });

  it('that ends nothing and leaves nothing pending resolves while Redis is known to be down', async () => {
    await here.sweep();
    const { id } = await signIn(there.store);
    there.cutOff('redis');
    await there.store.find(id);
    there.calls.made.splice(0);
    expect(await there.store.revokeByIdentityProvider(logout())).toEqual([]);
    expect(there.calls.made.filter((call) => call.startsWith('hot.'))).toEqual([]);
    await there.rejoin('redis');
  });

  it('without Postgres says that both sides are pending, is kept, and spares what began since', async () => {
    const { id } = await signInBy();
    there.cutOff('postgres');
    await expect(there.store.revokeByIdentityProvider(logout())).rejects.toMatchObject({
      code: 'SESSION_REVOCATION_INCOMPLETE',
      pending: 'postgres and redis',
    });
    // A late revocation may also end sessions that begin while the sweep's statement is on its way to Postgres.
    await world.moveKeptRevocationsBack();
    await world.moveBeginningBack(id);
    const later = await signInBy();
    await here.sweep();
    await there.rejoin('postgres');
    await expectOver(id);
    expect(await world.auditOf(id)).toEqual(['session.created', 'session.ended idp-logout idp']);
    expect(await there.store.find(later.id)).toMatchObject({ live: true });
    expect(await world.redis.exists('nest-sessions:revocations')).toBe(0);
  });

  it('without Postgres, of a named user, stops belief in the copies at once', async () => {
    const [{ id }, stranger] = [await signInBy(), await signIn(here.store, { userId: 'carol' })];
    for (const instance of [here, there]) instance.cutOff('postgres');
    await expect(there.store.revokeByIdentityProvider(logout({ userId: 'alice' }))).rejects.toMatchObject({
      pending: 'postgres and redis',
    });
    await expect(here.store.find(id)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    expect(await here.store.find(stranger.id)).toMatchObject({ live: true });
    for (const instance of [here, there]) await instance.rejoin('postgres');
    await here.sweep();
    await expectOver(id);
  });

  // Last, because the other cases move beginnings back, and this one ends every earlier session.
  it('reaches those that ended with everything as well, of which Redis has not heard', async () => {
    const { id } = await signInBy();
    there.cutOff('redis');
    const everything = { reason: 'admin', endedBy: 'operator' } as const;
    await expect(there.store.revokeEverything(everything)).rejects.toMatchObject({ pending: 'redis' });
    expect(await here.store.find(id)).toMatchObject({ live: true });
    await there.rejoin('redis');
    expect(await there.store.revokeByIdentityProvider(logout())).toEqual([]);
    await expectOver(id);
  });
});
