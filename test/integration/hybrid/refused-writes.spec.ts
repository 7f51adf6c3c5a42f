import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { RevocationIncompleteError, SessionDataUnavailableError, SessionStoreUnavailableError } from 'nest-sessions';
import { END, type HybridWorld, useHybridWorld, signIn, type HybridInstance } from './world.js';

describe('the hybrid store while Redis refuses writes and answers reads', () => {
  let world: HybridWorld;
  let instance: HybridInstance;
  useHybridWorld((opened) => (world = opened));
  beforeAll(async () => {
    instance = await world.openInstance();
  });
  beforeEach(() => void instance.calls.made.splice(0));
  afterEach(async () => {
    await world.redis.config('SET', 'maxmemory', '0');
    await world.redis.config('SET', 'min-replicas-to-write', '0');
    await world.redis.flushall();
    instance.passBreakerPeriod();
  });

  /** Expects the copy to be believed, with data, without a call of Postgres. */
  async function expectBelieved(id: string): Promise<void> {
    instance.calls.made.splice(0);
    expect(await instance.store.find(id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
    expect(instance.calls.made).toEqual(['hot.read']);
  }

  it.each([
    ['out of memory (OOM)', 'maxmemory', '1'],
    ['without enough replicas (NOREPLICAS)', 'min-replicas-to-write', '1'],
  ])('goes on believing its copies, %s', async (_name, option, value) => {
    const { store } = instance;
    const [believed, unbelieved] = [await signIn(store), await signIn(store, { userId: 'bob' })];
    await world.redis.hdel(
      `nest-sessions:{${unbelieved.id.slice(19, 23)}${unbelieved.id.slice(24)}}`,
      `${unbelieved.id}:g`,
    );
    await world.redis.config('SET', option, value);

    const change = { id: believed.id, expectedVersion: believed.version, data: { cart: 2 } };
    await expect(store.update(change)).rejects.toThrow(SessionDataUnavailableError);
    await expectBelieved(believed.id);
    // For a copy that cannot be confirmed Postgres answers, and its data does not pass for empty (I8).
    const found = await store.find(unbelieved.id);
    expect(found).toMatchObject({ live: true, record: { id: unbelieved.id } });
    expect(() => (found.live ? found.record.data : undefined)?.['cart']).toThrow(SessionDataUnavailableError);
    await expectBelieved(believed.id);
    expect(await store.touch({ id: believed.id, idleTimeoutMs: 3_600_000, touchIntervalMs: 0 })).toBe(true);
    await expectBelieved(believed.id);
  });

  it('revokes out of memory: copies are dropped, at once and for all (I2)', async () => {
    const { store } = instance;
    const carol = { userId: 'carol' };
    const sessions = [await signIn(store, carol), await signIn(store, carol), await signIn(store, carol)];
    const [first, second, third] = sessions.map(({ id }) => id);
    await world.redis.config('SET', 'maxmemory', '1');
    expect(await store.revoke({ id: first ?? '', ...END })).toMatchObject({ id: first });
    expect(await world.hasCopy(first ?? '')).toBe(false);
    expect(await store.find(first ?? '')).toMatchObject({ live: false });
    await expectBelieved(second ?? '');
    expect(await store.revokeAll({ ...carol, ...END })).toHaveLength(2);
    for (const id of [second, third]) {
      expect(await world.hasCopy(id ?? '')).toBe(false);
      expect(await store.find(id ?? '')).toMatchObject({ live: false });
    }
  });

  it('says that a revocation is incomplete whose copy could not be dropped', async () => {
    const { store } = instance;
    const { id } = await signIn(store);
    await world.redis.config('SET', 'min-replicas-to-write', '1');
    await expect(store.revoke({ id, ...END })).rejects.toThrow(RevocationIncompleteError);
    // Its copy is still there and looks believable, so this instance asks Postgres at once.
    expect(await world.hasCopy(id)).toBe(true);
    expect(await store.find(id)).toMatchObject({ live: false });
    await world.redis.config('SET', 'min-replicas-to-write', '0');
    await store.revoke({ id, ...END });
    expect(await store.find(id)).toMatchObject({ live: false });
  });

  it('asks Postgres about every session until the copies have followed, on other instances from their next sweep on', async () => {
    const other = await world.openInstance();
    const [revoked, kept] = [await signIn(instance.store, { userId: 'dora' }), await signIn(instance.store)];
    await world.redis.config('SET', 'min-replicas-to-write', '1');
    await expect(instance.store.revoke({ id: revoked.id, ...END })).rejects.toMatchObject({ pending: 'redis' });
    await expect(other.sweep()).rejects.toThrow(SessionStoreUnavailableError);
    for (const { store, calls } of [instance, other]) {
      expect(await store.find(revoked.id)).toMatchObject({ live: false });
      calls.made.splice(0);
      expect(await store.find(kept.id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
      expect(calls.made).toEqual(['durable.find', 'hot.read']);
      // A read does not restore belief.
      expect(await store.find(revoked.id)).toMatchObject({ live: false });
    }
    await world.redis.config('SET', 'min-replicas-to-write', '0');
    for (const { store, calls, sweep } of [other, instance]) {
      await sweep();
      expect(await world.hasCopy(revoked.id)).toBe(false);
      calls.made.splice(0);
      expect(await store.find(kept.id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
      expect(calls.made).toEqual(['hot.read']);
    }
  });

  it('does not leave Redis alone because of one key of another type (WRONGTYPE)', async () => {
    const { store } = instance;
    const [believed, spoilt] = [await signIn(store), await signIn(store, { userId: 'bob' })];
    await world.redis.set(`nest-sessions:{${spoilt.id.slice(19, 23)}${spoilt.id.slice(24)}}`, 'a string');
    expect(await store.find(spoilt.id)).toMatchObject({ live: true, record: { id: spoilt.id } });
    await expectBelieved(believed.id);
    expect(await store.revoke({ id: spoilt.id, ...END })).toMatchObject({ id: spoilt.id });
    expect(await store.find(spoilt.id)).toMatchObject({ live: false });
  });
});
