import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SessionDataUnavailableError } from 'nest-sessions';
import { aTokenHash } from 'nest-sessions/testing';
import type { JsonObject } from '#src/core/session/session-data.js';
import type { SessionRecord } from '#src/core/session/session-record.js';
import { END, HybridWorld, signIn, type HybridInstance } from './world.js';

const OTHER_SERVER = 'e'.repeat(40);

describe('durable keys of the hybrid store, when Redis comes back with older data', () => {
  let world: HybridWorld;
  let here: HybridInstance;
  let there: HybridInstance;

  beforeAll(async () => {
    world = await HybridWorld.open();
    here = await world.openInstance({ durableKeys: ['note', 'draft'] });
    there = await world.openInstance({ durableKeys: ['note', 'draft'] });
  });
  afterAll(() => world?.close());
  beforeEach(() => void here.calls.made.splice(0));

  const findIn = async (store: HybridInstance['store'], id: string): Promise<SessionRecord> => {
    const found = await store.find(id);
    if (!found.live) throw new Error(`it is ${found.reason}`);
    return found.record;
  };

  const find = ({ store }: HybridInstance, id: string) => findIn(store, id);

  const change = async ({ store }: HybridInstance, id: string, data: JsonObject): Promise<SessionRecord> => {
    const { version } = await findIn(store, id);
    const updated = await store.update({ id, expectedVersion: version, data });
    if (!updated.applied) throw new Error(`not applied: ${updated.reason}`);
    return updated.record;
  };

  /** @returns A function that puts the copy back as on a server that took over: its state has another generation. */
  const keepCopy = async (id: string) => {
    const key = world.keyOf(id);
    const kept = await world.redis.hgetall(key);
    const replid = /master_replid:(\w+)/.exec(await world.redis.info('replication'))?.[1] ?? '';
    const older = Object.entries(kept).map(([field, value]) => [field, value.replaceAll(replid, OTHER_SERVER)]);
    return async () => {
      await world.redis.del(key);
      await world.redis.hset(key, Object.fromEntries(older));
    };
  };

  const inPostgres = async (id: string) => {
    const [row] = await world.postgres.query<{ data: JsonObject }>('select data from sessions where id = $1', [id]);
    return row?.data;
  };

  /** A session whose older copy, with note `a` and visits 1, will come back. */
  const begin = async () => {
    const { id, tokenHash } = await signIn(here.store, { data: {} });
    await change(here, id, { note: 'a', draft: 1, visits: 1 });
    return { id, tokenHash, bringBack: await keepCopy(id) };
  };

  it('the value that Postgres was told of replaces an older one, and other data stays as it came back', async () => {
    const { id, bringBack } = await begin();
    await change(here, id, { note: 'b', visits: 2 });
    await bringBack();
    for (const instance of [here, there]) {
      expect((await find(instance, id)).data).toEqual({ note: 'b', visits: 1 });
    }
    const { version, data } = await find(here, id);
    await change(there, id, { ...data, visits: 3 });
    expect(await inPostgres(id)).toEqual({ note: 'b' });
    expect((await find(here, id)).version).toBe(version + 1);
  });

  it('what came back is mended without another call of a port', async () => {
    const { id, bringBack } = await begin();
    await change(here, id, { note: 'b', visits: 2 });
    await bringBack();
    here.calls.made.splice(0);
    await find(here, id);
    const fill = ['hot.read', 'hot.read', 'durable.find', 'hot.lease', 'durable.find', 'hot.promote'];
    expect(here.calls.made).toEqual(fill);
  });

  it('a copy that is as new as what Postgres was told of, or newer, keeps everything', async () => {
    const { id, bringBack } = await begin();
    await bringBack();
    expect((await find(here, id)).data).toEqual({ note: 'a', draft: 1, visits: 1 });
    const error = new Error('Postgres was not told');
    here.calls.failNext('before durable.mergeDurableData', error);
    await expect(change(here, id, { note: 'c', visits: 2 })).rejects.toThrow(error);
    await (
      await keepCopy(id)
    )();
    expect((await find(here, id)).data).toEqual({ note: 'c', visits: 2 });
    await change(here, id, { note: 'c', visits: 3 });
    expect(await inPostgres(id)).toEqual({ note: 'c' });
  });

  it('a session of whose data Postgres was never told keeps everything', async () => {
    const { id } = await signIn(here.store, { data: { note: 'a', visits: 1 } });
    await (
      await keepCopy(id)
    )();
    expect((await find(here, id)).data).toEqual({ note: 'a', visits: 1 });
  });

  it.each([1, 2])('an update that saw %i version(s) before does not apply to what came back', async (seen) => {
    const { id, bringBack } = await begin();
    const before = await find(here, id);
    const after = await change(here, id, { note: 'b', visits: 2 });
    await bringBack();
    const { version: expectedVersion } = seen === 1 ? after : before;
    const outcome = await there.store.update({ id, expectedVersion, data: { ...before.data, visits: 5 } });
    expect(outcome).toMatchObject({ applied: false, reason: 'conflict', record: { data: { note: 'b', visits: 1 } } });
    expect(await inPostgres(id)).toEqual({ note: 'b' });
    expect((await find(here, id)).data).toEqual({ note: 'b', visits: 1 });
  });

  it('Postgres is told again even if the clock of the other server is far behind', async () => {
    const { id, bringBack } = await begin();
    const { version } = await change(here, id, { note: 'b', visits: 2 });
    const ahead = version + 4e15;
    await world.postgres.query('update sessions set hot_data_version = $2 where id = $1', [id, ahead]);
    await bringBack();
    expect((await find(here, id)).version).toBe(ahead + 1);
    await world.redis.del(world.keyOf(id));
    await change(here, id, { note: 'c' });
    expect(await inPostgres(id)).toEqual({ note: 'c' });
  });

  it.each(['after hot.lease', 'after durable.find', 'before hot.promote'])(
    'two fills at once, one held %s, agree',
    async (point) => {
      const { id, bringBack } = await begin();
      await change(here, id, { note: 'b', visits: 2 });
      await bringBack();
      const gate = here.calls.holdNext(point);
      const finding = find(here, id);
      await gate.reached;
      expect((await change(there, id, { note: 'c', visits: 4 })).data).toEqual({ note: 'c', visits: 4 });
      gate.open();
      expect((await finding).data).toEqual({ note: 'c', visits: 4 });
      expect(await inPostgres(id)).toEqual({ note: 'c' });
    },
  );

  it('a fill that overlaps a rotation and the end brings nothing back', async () => {
    const { id, tokenHash, bringBack } = await begin();
    await change(here, id, { note: 'b', visits: 2 });
    await bringBack();
    const next = aTokenHash();
    const first = here.calls.holdNext('before hot.promote');
    const finding = find(here, id);
    await first.reached;
    await there.store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: next, cause: 'rotation' });
    first.open();
    expect(await finding).toMatchObject({ tokenHash: next, data: { note: 'b', visits: 1 } });
    await bringBack();
    const second = here.calls.holdNext('before hot.promote');
    const asking = here.store.find(id);
    await second.reached;
    await there.store.revoke({ id, ...END });
    second.open();
    expect(await asking).toMatchObject({ live: false });
    expect(await world.hasCopy(id)).toBe(false);
  });

  it('without durable keys a copy keeps everything', async () => {
    const { id, bringBack } = await begin();
    await change(here, id, { note: 'b', visits: 2 });
    await bringBack();
    const without = await world.openInstance();
    expect((await find(without, id)).data).toEqual({ note: 'a', draft: 1, visits: 1 });
  });

  it('an update is no end of the session while no copy can be confirmed', async () => {
    const { id, bringBack } = await begin();
    const { version, data } = await find(here, id);
    await bringBack();
    await world.redis.config('SET', 'maxmemory', '1');
    try {
      const updating = here.store.update({ id, expectedVersion: version, data: { ...data, visits: 2 } });
      await expect(updating).rejects.toThrow(SessionDataUnavailableError);
    } finally {
      await world.redis.config('SET', 'maxmemory', '0');
    }
    expect((await find(here, id)).data).toEqual(data);
  });
});
