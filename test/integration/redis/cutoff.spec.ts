import { countCalls, eventually } from '../../support/redis-probes.js';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { NewSession, SessionStore } from 'nest-sessions/store';
import { aNewSession } from 'nest-sessions/testing';
import { CUTOFF_LEASE_MS, CutoffLease } from '#src/stores/redis/connection/cutoff-lease.js';
import { RedisFixture, useRedisFixture, rejection } from './fixture.js';
import { readWhileLost } from '../service/floor-losses.js';
import { startProxy } from './proxy.js';
import { startRedisCluster } from 'local-servers/testing';

const END = { reason: 'admin', endedBy: null } as const;

async function signIn(store: SessionStore, overrides: Partial<NewSession> = {}) {
  const created = await store.create(aNewSession({ userId: 'alice', ...overrides }));
  if (!created.created) throw new Error(created.reason);
  return created.record;
}

describe('revokeEverything in the Redis store (ASVS 7.4.5)', () => {
  const { fixture, server } = useRedisFixture();
  let store: SessionStore;
  let redis: Redis;

  beforeEach(async () => {
    redis = fixture.client();
    store = await fixture.open();
  });

  const cutoffKey = () => `${fixture.keyPrefix}:floor`;

  it('takes as many commands for 10,000 sessions as for one, and writes one key', async () => {
    const countAll = async () => Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);
    const measure = async () => {
      const [before, hashesBefore] = [await countAll(), await redis.dbsize()];
      await store.revokeEverything(END);
      return { commands: (await countAll()) - before, keys: (await redis.dbsize()) - hashesBefore };
    };
    await signIn(store);
    await measure();
    const few = await measure();
    for (let batch = 0; batch < 100; batch++) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => signIn(store, { userId: `user-${batch}-${index}` })));
    }
    const many = await measure();
    expect(many.keys).toBe(0);
    // The clock and the lease may be renewed in the background meanwhile.
    expect(many.commands).toBeLessThanOrEqual(few.commands + 10);
    expect(await redis.hkeys(cutoffKey())).toEqual(['before', 'before:marks']);
  });

  it('costs a request no extra command while the lease lasts', async () => {
    const { id } = await signIn(store);
    const before = { hmget: await countCalls(redis, 'hmget'), hget: await countCalls(redis, 'hget') };
    await Promise.all(Array.from({ length: 2_000 }, () => store.find(id)));
    expect((await countCalls(redis, 'hmget')) - before.hmget).toBe(2_000);
    expect((await countCalls(redis, 'hget')) - before.hget).toBeLessThanOrEqual(10);
  });

  it('resolves only after every earlier lease has expired', async () => {
    const startedAtMs = performance.now();
    await store.revokeEverything(END);
    expect(performance.now() - startedAtMs).toBeGreaterThan(CUTOFF_LEASE_MS);
  });

  it('applies to another instance without a read in between, and makes it unavailable while it cannot read the cutoff (I8)', async () => {
    const proxy = await startProxy(server.port);
    const client = new Redis(proxy.url, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
    client.on('error', () => undefined);
    const other = await fixture.open({ client, operationTimeout: '300ms' });
    const { id } = await signIn(store);
    expect(await other.find(id)).toMatchObject({ live: true });
    proxy.requests.hold();
    await store.revokeEverything(END);
    const { error } = await rejection(() => other.find(id));
    expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    proxy.requests.release();
    await eventually(async () => expect(await other.find(id)).toEqual({ live: false, reason: 'ended' }));
    await other.stop();
    client.disconnect();
    await proxy.close();
  });

  it('brings nothing back when the key is lost: an instance that has seen the cutoff applies it and writes it again', async () => {
    const { id } = await signIn(store);
    await store.revokeEverything(END);
    const cutoff = await redis.hget(cutoffKey(), 'before');
    await redis.del(cutoffKey());
    expect(await store.find(id)).toEqual({ live: false, reason: 'ended' });
    await eventually(async () => {
      await store.find(id);
      expect(await redis.hget(cutoffKey(), 'before')).toBe(cutoff);
    });
    const newcomer = await fixture.open();
    expect(await newcomer.find(id)).toEqual({ live: false, reason: 'ended' });
  });

  it('does not resolve while the key is lost', async () => {
    const { id } = await signIn(store);
    const ending = store.revokeEverything(END);
    await eventually(async () => expect(await redis.exists(cutoffKey())).toBe(1));
    await redis.del(cutoffKey());
    await ending;
    expect(await redis.exists(cutoffKey())).toBe(1);
    expect(await (await fixture.open()).find(id)).toEqual({ live: false, reason: 'ended' });
  });

  it('does not resolve while an instance applies the value it read when the key was lost, even if the key is back', async () => {
    const other = await fixture.open();
    const { id } = await signIn(store);
    const ending = store.revokeEverything(END);
    await eventually(async () => expect(await redis.exists(cutoffKey())).toBe(1));
    await readWhileLost({ redis, key: cutoffKey(), field: 'before', read: () => other.find(id), until: ending });
    await ending;
    expect(await other.find(id)).toEqual({ live: false, reason: 'ended' });
  });

  it('waits no longer for many calls at once than for one', async () => {
    const startedAtMs = performance.now();
    await Promise.all(Array.from({ length: 10 }, () => store.revokeEverything(END)));
    expect(performance.now() - startedAtMs).toBeLessThan(2 * CUTOFF_LEASE_MS);
  });

  it('keeps a session that was created after the clock was set back', async () => {
    await redis.hset(cutoffKey(), 'before', String(Date.now() + 60_000));
    const newcomer = await fixture.open();
    const { id } = await signIn(newcomer);
    expect(await newcomer.find(id)).toMatchObject({ live: true });
    expect(await newcomer.listByUser({ userId: 'alice' })).toMatchObject({ records: [{ id }] });
  });

  it('drops ended sessions when their user comes back', async () => {
    const { id } = await signIn(store);
    await store.revokeEverything(END);
    const next = await signIn(store, { limit: { max: 5, onLimit: 'reject' } });
    expect((await redis.hkeys(fixture.keyOf(id))).toSorted()).toEqual([next.id, `${next.id}:t`]);
  });

  it('rejects when the store stops meanwhile', async () => {
    const ending = store.revokeEverything(END);
    const [settled] = await Promise.all([rejection(() => ending), store.stop()]);
    expect(settled.error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
  });
});

describe('CutoffLease', () => {
  it('reads again once the lease has expired by either clock', async () => {
    let stored = 1;
    let reads = 0;
    const lease = new CutoffLease({
      read: async () => {
        reads += 1;
        return stored;
      },
      restore: async (value) => void (stored = value),
      hasMark: async () => true,
    });
    expect([await lease.current(), await lease.current(), reads]).toEqual([1, 1, 1]);
    stored = 5;
    const wallMs = Date.now.bind(Date);
    Date.now = () => wallMs() + CUTOFF_LEASE_MS;
    try {
      expect([await lease.current(), reads]).toEqual([5, 2]);
    } finally {
      Date.now = wallMs;
    }
  });

  it('never falls, and restores a lost value', async () => {
    let stored = 7;
    const lease = new CutoffLease({
      read: async () => stored,
      restore: async (value) => void (stored = value),
      hasMark: async () => true,
    });
    expect(await lease.current()).toBe(7);
    stored = 0;
    const later = performance.now.bind(performance);
    performance.now = () => later() + CUTOFF_LEASE_MS;
    try {
      expect(await lease.current()).toBe(7);
    } finally {
      performance.now = later;
    }
    expect(stored).toBe(7);
  });
});

it('on a Cluster, ends the sessions on every master by one key', async () => {
  const cluster = await startRedisCluster();
  const client = new Cluster(cluster.nodes.map(({ host, port }) => ({ host, port })));
  const fixture = new RedisFixture({ url: '' });
  const store = await fixture.open({ client });
  const records = [];
  for (let index = 0; index < 20; index++) records.push(await signIn(store, { userId: `user ${index}` }));
  await store.revokeEverything(END);
  const after = await signIn(store);
  for (const { id } of records) expect(await store.find(id)).toEqual({ live: false, reason: 'ended' });
  expect(await store.find(after.id)).toMatchObject({ live: true });
  await fixture.close();
  client.disconnect();
  await cluster.stop();
});
