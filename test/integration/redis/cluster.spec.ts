import { eventually } from '../../support/redis-probes.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { once } from 'node:events';
import { Cluster, Redis, type ClusterOptions } from 'ioredis';
import { createSessionId } from '#src/core/session/session-id.js';
import { SessionStoreUnavailableError } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { aNewSession } from 'nest-sessions/testing';
import { RedisFixture } from './fixture.js';
import {
  startRedisCluster,
  startRedisSentinel,
  type RedisCluster,
  type RedisSentinelGroup,
} from 'local-servers/testing';

const USERS = Array.from({ length: 60 }, (_, i) => `user ${i}`);

describe('the Redis store on a Cluster of three masters (tj/connect-redis#360)', () => {
  let cluster: RedisCluster;
  let nodes: Redis[];
  let fixture: RedisFixture;
  let clients: Cluster[];

  beforeAll(async () => {
    cluster = await startRedisCluster();
    nodes = cluster.nodes.map(({ url }) => new Redis(url));
  });
  beforeEach(() => {
    fixture = new RedisFixture({ url: '' });
    clients = [];
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await fixture.close();
    for (const client of clients) client.disconnect();
    await Promise.all(nodes.map((node) => node.flushall()));
  });
  afterAll(async () => {
    for (const node of nodes) node.disconnect();
    await cluster.stop();
  });

  function connect(options: ClusterOptions = {}): Cluster {
    const startup = cluster.nodes.map(({ host, port }) => ({ host, port }));
    const client = new Cluster(startup, { ...options, redisOptions: { maxRetriesPerRequest: 1 } });
    client.on('error', () => undefined);
    clients.push(client);
    return client;
  }

  /** From the next TIME on, one master returns a time ten minutes ago. */
  function setClockBack(node: Redis | undefined): void {
    if (!node) throw new Error('there is no such node');
    const send = node.sendCommand.bind(node);
    jest.spyOn(node, 'sendCommand').mockImplementation((command, stream) => {
      const reply = send(command, stream) as Promise<unknown>;
      return command.name === 'time' ? reply.then(earlierByTenMinutes) : reply;
    });
    const now = Date.now.bind(Date);
    // A changed clock of this process makes the store ask for the time again.
    jest.spyOn(Date, 'now').mockImplementation(() => now() + 1_000);
  }

  const create = async (store: SessionStore, userId: string | null) => {
    const session = aNewSession({ userId });
    expect(await store.create(session)).toMatchObject({ created: true });
    return session;
  };

  it.each<[string, ClusterOptions]>([
    ['as it is', {}],
    ['with automatic pipelines (redis/ioredis#2109)', { enableAutoPipelining: true }],
    ['with a key prefix', { keyPrefix: 'app:' }],
    ['connected late', { lazyConnect: true }],
  ])('works on every node, %s', async (_name, options) => {
    const store = await fixture.open({ client: connect(options) });
    const sessions = await Promise.all(USERS.map((userId) => create(store, userId)));
    const sizes = await Promise.all(nodes.map((node) => node.dbsize()));
    expect(sizes.every((size) => size > 0)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(USERS.length);
    for (const { id, userId } of sessions) {
      expect(await store.find(id)).toMatchObject({ live: true, record: { userId } });
      expect(await store.touch({ id, idleTimeoutMs: 60_000, touchIntervalMs: 0 })).toBe(true);
      expect(await store.update({ id, expectedVersion: 1, data: { a: 1 } })).toMatchObject({ applied: true });
      expect((await store.listByUser({ userId: userId ?? '' })).records).toHaveLength(1);
    }
    await Promise.all(USERS.map((userId) => store.revokeAll({ userId, reason: 'logout', endedBy: null })));
    expect(await Promise.all(nodes.map((node) => node.dbsize()))).toEqual([0, 0, 0]);
  });

  it('ends an anonymous session on another node when a sign-in replaces it', async () => {
    const store = await fixture.open({ client: connect() });
    for (const userId of USERS) {
      const anonymous = await create(store, null);
      const outcome = await store.create(aNewSession({ userId, replaces: anonymous.id }));
      expect(outcome).toMatchObject({
        created: true,
        ended: [{ id: anonymous.id, endReason: 'replaced', userId: null }],
      });
      expect(await store.find(anonymous.id)).toEqual({ live: false, reason: 'unknown' });
    }
  });

  it('loses no call when scripts are flushed on every node (redis/ioredis#1405)', async () => {
    const store = await fixture.open({ client: connect() });
    const done = new AbortController();
    const flushing = nodes.map(async (node) => {
      while (!done.signal.aborted) await node.script('FLUSH');
    });
    const sessions = await Promise.all(USERS.map((userId) => create(store, userId)));
    const lists = await Promise.all(USERS.map((userId) => store.listByUser({ userId })));
    done.abort();
    await Promise.all(flushing);
    expect(lists.map(({ records: [record] }) => record?.id)).toEqual(sessions.map(({ id }) => id));
  });

  it('keeps working while a slot moves to another node under traffic (tj/connect-redis#360)', async () => {
    const store = await fixture.open({ client: connect(), operationTimeout: '5s' });
    const session = await create(store, 'alice');
    const key = fixture.keyOf(session.id);
    const slot = await firstOf(nodes).cluster('KEYSLOT', key);
    const owners = await Promise.all(nodes.map((node) => node.exists(key).catch(() => 0)));
    const from = owners.indexOf(1);
    const to = (from + 1) % nodes.length;
    const [source, target] = [nodes[from], nodes[to]];
    const [sourceId, targetId] = await Promise.all([source?.cluster('MYID'), target?.cluster('MYID')]);
    const done = new AbortController();
    let updates = 0;
    const traffic = (async () => {
      while (!done.signal.aborted) {
        const outcome = await store.update({ id: session.id, expectedVersion: updates + 1, data: { n: updates } });
        expect(outcome).toMatchObject({ applied: true });
        updates += 1;
        expect(await store.find(session.id)).toMatchObject({ live: true, record: { version: updates + 1 } });
      }
    })();
    await target?.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', String(sourceId));
    await source?.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', String(targetId));
    const port = cluster.ports[to] ?? 0;
    await source?.call('MIGRATE', '127.0.0.1', String(port), key, '0', '5000');
    for (const node of [target, source, ...nodes]) {
      await node?.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', String(targetId));
    }
    const before = updates;
    await eventually(async () => expect(updates).toBeGreaterThan(before + 20));
    done.abort();
    await traffic;
    expect(await target?.exists(key)).toBe(1);
  });

  it('serves the other nodes while one does not answer, and all nodes afterwards', async () => {
    const client = connect();
    const [store, patient] = [await fixture.open({ client, operationTimeout: '1s' }), await fixture.open({ client })];
    const sessions = await Promise.all(USERS.map((userId) => create(patient, userId)));
    const [stopped] = cluster.nodes;
    stopped?.kill('SIGSTOP');
    const found = await Promise.allSettled(sessions.map(({ id }) => store.find(id)));
    stopped?.kill('SIGCONT');
    const live = found.filter((outcome) => outcome.status === 'fulfilled' && outcome.value.live);
    const failed = found.filter(
      (outcome) => outcome.status === 'rejected' && outcome.reason instanceof SessionStoreUnavailableError,
    );
    expect(live.length + failed.length).toBe(sessions.length);
    expect(live.length).toBeGreaterThan(0);
    expect(failed.length).toBeGreaterThan(0);
    await eventually(async () => {
      const again = await Promise.all(sessions.map(({ id }) => store.find(id)));
      expect(again.every((outcome) => outcome.live)).toBe(true);
    });
  });

  it('works on masters whose clocks differ by more than the operation timeout', async () => {
    const client = connect();
    const store = await fixture.open({ client });
    setClockBack(client.nodes('master')[0]);
    const sessions = await Promise.all(USERS.map((userId) => create(store, userId)));
    for (const { id, userId } of sessions) {
      expect(await store.touch({ id, idleTimeoutMs: 900_000, touchIntervalMs: 0 })).toBe(true);
      expect(await store.update({ id, expectedVersion: 1, data: { a: 1 } })).toMatchObject({ applied: true });
      const revoked = await store.revokeAll({ userId: userId ?? '', reason: 'logout', endedBy: null });
      expect(revoked).toMatchObject([{ id }]);
    }
  });

  it('warns of an eviction policy on any node', async () => {
    await nodes[2]?.config('SET', 'maxmemory-policy', 'volatile-ttl');
    await fixture.open({ client: connect() });
    await nodes[2]?.config('SET', 'maxmemory-policy', 'noeviction');
    expect(fixture.logger.warnings).toEqual([expect.stringContaining('maxmemory-policy volatile-ttl')]);
  });
});

describe('the Redis store by Sentinel', () => {
  let group: RedisSentinelGroup;
  let client: Redis;
  const fixture = new RedisFixture({ url: '' });

  beforeAll(async () => {
    group = await startRedisSentinel();
    client = new Redis({
      sentinels: group.sentinels.map(({ host, port }) => ({ host, port })),
      name: group.masterName,
    });
    client.on('error', () => undefined);
  });
  afterAll(async () => {
    await fixture.close();
    client.disconnect();
    await group.stop();
  });

  it('recovers from a fail-over by itself, and keeps replicated sessions (redis/ioredis#1835, redis/ioredis#1405)', async () => {
    const store = await fixture.open({ client });
    const before = aNewSession({ userId: 'alice' });
    await store.create(before);
    await client.call('WAIT', '1', '5000');
    // On a busy machine the sentinels may have changed the roles before this test.
    const port = Number(/^tcp_port:(\d+)/m.exec(await client.info('server'))?.[1]);
    const master = [group.master, group.replica].find((server) => server.port === port);
    const closed = once(client, 'close');
    expect(master?.kill('SIGKILL')).toBe(true);
    await closed;
    await expect(store.find(before.id)).rejects.toBeInstanceOf(SessionStoreUnavailableError);
    const id = createSessionId('alice');
    const created = await eventually(() => store.create(aNewSession({ userId: 'alice', id })), 25_000);
    expect(created).toMatchObject({ created: true });
    expect(await store.find(before.id)).toMatchObject({ live: true });
    expect((await store.listByUser({ userId: 'alice' })).records).toHaveLength(2);
    expect(await store.revokeAll({ userId: 'alice', reason: 'logout', endedBy: null })).toHaveLength(2);
  });
});

function earlierByTenMinutes(reply: unknown): unknown {
  const [seconds, micros] = reply as unknown[];
  return [String(Number(seconds) - 600), micros];
}

function firstOf<T>([first]: T[]): T {
  if (first === undefined) throw new Error('there is none');
  return first;
}
