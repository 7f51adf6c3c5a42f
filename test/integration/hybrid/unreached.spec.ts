import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionStore } from 'nest-sessions/store';
import { anAuthentication, aTokenHash } from 'nest-sessions/testing';
import type { SessionRecord } from '#src/core/session/session-record.js';
import { END, type HybridWorld, useHybridWorld, signIn, type HybridInstance } from './world.js';

const PROVIDER = { issuer: 'https://idp.example', sessionId: 'sid-1' };

type Ending = (store: SessionStore, sessions: { own: SessionRecord; other: SessionRecord }) => Promise<unknown>;

const ENDINGS: Readonly<Record<string, Ending>> = {
  revoke: (store, { other }) => store.revoke({ id: other.id, ...END }),
  revokeAll: (store, { own }) => store.revokeAll({ userId: own.userId ?? '', exceptId: own.id, ...END }),
  revokeByIdentityProvider: (store) => store.revokeByIdentityProvider({ ...PROVIDER, ...END }),
  rotate: (store, { own: { id, tokenHash: expectedTokenHash } }) =>
    store.rotate({ id, expectedTokenHash, tokenHash: aTokenHash(), cause: 'rotation', endOthers: END }),
};

describe('the hybrid store whose revocation did not reach Redis', () => {
  let world: HybridWorld;
  let instance: HybridInstance;

  useHybridWorld((opened) => (world = opened));
  beforeAll(async () => {
    instance = await world.openInstance();
  });
  afterEach(() => world.redis.flushall());

  const callsOf = async (id: string): Promise<string[]> => {
    instance.calls.made.splice(0);
    expect(await instance.store.find(id)).toMatchObject({ live: true });
    return [...instance.calls.made];
  };

  const begin = async () => {
    const identityProvider = { ...PROVIDER, authenticatedAt: null };
    const own = await signIn(instance.store);
    return { own, other: await signIn(instance.store, anAuthentication({ identityProvider })) };
  };

  const expectOneLeft = async ({ own, other }: Awaited<ReturnType<typeof begin>>) => {
    const { store } = instance;
    expect(await callsOf(own.id)).toEqual(['durable.find']);
    expect(await store.find(other.id)).toMatchObject({ live: false });
    await instance.rejoin('redis');
    expect(await world.hasCopy(other.id)).toBe(true);
    expect(await store.find(other.id)).toMatchObject({ live: false });
    await instance.sweep();
    expect(await world.hasCopy(other.id)).toBe(false);
    await store.find(own.id);
    expect(await callsOf(own.id)).toEqual(['hot.read']);
  };

  it.each(Object.entries(ENDINGS))(
    'lets nobody in when Redis is back before a sweep is, and asks Postgres once a request until then: %s',
    async (method, end) => {
      const sessions = await begin();
      const gate = instance.calls.holdNext(`after durable.${method}`);
      const ending = end(instance.store, sessions);
      await gate.reached;
      instance.cutOff('redis');
      gate.open();
      await expect(ending).rejects.toMatchObject({ pending: 'redis' });
      await expectOneLeft(sessions);
    },
  );

  it('lets nobody in either when Redis was known to be away, and nothing was sent to it', async () => {
    const sessions = await begin();
    instance.cutOff('redis');
    await instance.store.find(sessions.own.id);
    instance.calls.made.splice(0);
    await expect(ENDINGS['revoke']?.(instance.store, sessions)).rejects.toMatchObject({ pending: 'redis' });
    expect(instance.calls.made).toEqual(['durable.revoke']);
    await expectOneLeft(sessions);
  });

  it('goes on changing data of live sessions until a sweep was, whether their copy is there or not', async () => {
    const { own, other } = await begin();
    instance.cutOff('redis');
    await expect(instance.store.revoke({ id: other.id, ...END })).rejects.toMatchObject({ pending: 'redis' });
    await instance.rejoin('redis');
    const change = { id: own.id, expectedVersion: own.version, data: { cart: 2 } };
    expect(await instance.store.update(change)).toMatchObject({ applied: true, record: { data: { cart: 2 } } });
    await world.redis.flushall();
    const found = await instance.store.find(own.id);
    const expectedVersion = found.live ? found.record.version : 0;
    const again = { id: own.id, expectedVersion, data: { cart: 3 } };
    expect(await instance.store.update(again)).toMatchObject({ applied: true, record: { data: { cart: 3 } } });
    await instance.sweep();
  });

  it.each([
    ['calls a live session no longer live because its copy was lost twice', false],
    ['changes one that was revoked meanwhile', true],
  ])('never %s', async (_what, isRevoked) => {
    const { own } = await begin();
    await world.redis.flushall();
    const gate = instance.calls.holdNext('after hot.promote');
    const updating = instance.store.update({ id: own.id, expectedVersion: own.version, data: { cart: 2 } });
    await gate.reached;
    await world.redis.flushall();
    if (isRevoked) await instance.store.revoke({ id: own.id, ...END });
    gate.open();
    const outcome = await updating.catch((error: unknown) => error);
    expect(outcome).toMatchObject({ applied: false, reason: isRevoked ? 'absent' : 'conflict' });
  });
});
