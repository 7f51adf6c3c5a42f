import { eventually } from '../../support/redis-probes.js';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis, type RedisOptions } from 'ioredis';
import type { SessionStore } from 'nest-sessions/store';
import { redisStore } from 'nest-sessions/redis';
import { aNewSession, aTokenHash } from 'nest-sessions/testing';
import { useRedisFixture } from './fixture.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

/** Calls every method of a store once and checks the outcome. */
async function exercise(store: SessionStore, userId: string): Promise<void> {
  const [first, second] = [aNewSession({ userId, data: { n: 1, text: '1e3' } }), aNewSession({ userId })];
  expect(await store.create(first)).toMatchObject({
    created: true,
    record: { data: { n: 1, text: '1e3' }, version: 1 },
  });
  const created = await store.create({ ...second, replaces: first.id, limit: { max: 1, onLimit: 'revoke-oldest' } });
  expect(created).toMatchObject({ created: true, ended: [{ id: first.id, endReason: 'replaced', userId }] });
  expect(await store.find(first.id)).toEqual({ live: false, reason: 'unknown' });
  expect(await store.touch({ id: second.id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: 0 })).toBe(true);
  expect(await store.touch({ id: second.id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: MINUTE_MS })).toBe(false);
  expect(await store.update({ id: second.id, expectedVersion: 1, data: { b: 2 } })).toMatchObject({ applied: true });
  const tokenHash = aTokenHash();
  const rotation = { id: second.id, expectedTokenHash: second.tokenHash, tokenHash, cause: 'rotation' } as const;
  expect(await store.rotate(rotation)).toMatchObject({ applied: true, record: { version: 3 } });
  const found = await store.find(second.id);
  expect(found).toMatchObject({ live: true, record: { id: second.id, userId, data: { b: 2 }, version: 3 } });
  expect(found.live && Buffer.compare(found.record.tokenHash, tokenHash)).toBe(0);
  expect(found.live && found.now >= found.record.lastSeenAt).toBe(true);
  expect((await store.listByUser({ userId })).records.map(({ id }) => id)).toEqual([second.id]);
  const third = aNewSession({ userId });
  await store.create(third);
  expect(await store.revoke({ id: second.id, userId, reason: 'logout', endedBy: userId })).toMatchObject({
    id: second.id,
  });
  expect(await store.revokeAll({ userId, reason: 'admin', endedBy: null })).toMatchObject([{ id: third.id, userId }]);
  expect((await store.listByUser({ userId })).records).toEqual([]);
}

describe('clients of the Redis store', () => {
  const { fixture, server } = useRedisFixture();
  let redis: Redis;

  beforeEach(() => {
    redis = fixture.client();
  });

  it.each<[string, RedisOptions]>([
    ['RESP2', { protocol: 2 }],
    ['RESP3', { protocol: 3 }],
    ['RESP3 with replies mapped', { protocol: 3, replyMapping: 'resp3' }],
    ['numbers as texts', { stringNumbers: true }],
    ['a key prefix of their own', { keyPrefix: 'app:' }],
    ['automatic pipelines', { enableAutoPipelining: true }],
    ['automatic pipelines and a key prefix', { enableAutoPipelining: true, keyPrefix: 'app:' }],
    ['friendly error stacks', { showFriendlyErrorStack: true }],
    ['no offline queue', { enableOfflineQueue: false }],
    ['a late connection', { lazyConnect: true }],
    ['another database', { db: 3 }],
  ])('work with %s (felixmosh/bull-board#1309, redis/ioredis#2109, redis/ioredis#1526)', async (_name, options) => {
    const client = fixture.client(options);
    const store = await fixture.open({ client });
    await exercise(store, 'alice');
    await Promise.all(Array.from({ length: 50 }, (_, i) => exercise(store, `user ${i}`)));
    expect(await redis.dbsize()).toBe(0);
  });

  it("add their own key prefix before the store's, so that two applications never meet (redis/ioredis#1526)", async () => {
    const [one, two] = await Promise.all(
      ['one:', 'two:'].map((keyPrefix) => fixture.open({ client: fixture.client({ keyPrefix }) })),
    );
    const session = aNewSession({ userId: 'alice' });
    await one?.create(session);
    expect(await redis.keys('*')).toEqual([`one:${fixture.keyOf(session.id)}`]);
    expect(await two?.find(session.id)).toEqual({ live: false, reason: 'unknown' });
    expect((await two?.listByUser({ userId: 'alice' }))?.records).toEqual([]);
  });

  it('do not join automatic pipelines, which cost throughput and misroute scripts in a Cluster (redis/ioredis#2109)', async () => {
    const client = fixture.client({ enableAutoPipelining: true });
    const store = await fixture.open({ client });
    const { id } = aNewSession();
    const finding = store.find(id);
    expect(client.autoPipelineQueueSize).toBe(0);
    await finding;
  });

  it('lose no call when scripts are flushed repeatedly (redis/ioredis#1405)', async () => {
    const store = await fixture.open();
    const done = new AbortController();
    const flushing = (async () => {
      while (!done.signal.aborted) await redis.script('FLUSH');
    })();
    await Promise.all(Array.from({ length: 100 }, (_, i) => exercise(store, `user ${i}`)));
    done.abort();
    await flushing;
    expect(await redis.dbsize()).toBe(0);
  });

  it('stay as they were: no command defined, no listener left, not closed', async () => {
    const client = fixture.client();
    await client.ping();
    const before = {
      names: Object.keys(client).toSorted(),
      events: client.eventNames().map((name) => [name, client.listenerCount(name)]),
    };
    const store = await fixture.open({ client });
    await store.find(aNewSession().id);
    await store.stop();
    const after = {
      names: Object.keys(client).toSorted(),
      events: client.eventNames().map((name) => [name, client.listenerCount(name)]),
    };
    expect(after).toEqual(before);
    expect(await client.ping()).toBe('PONG');
  });

  it('can come from Nest by token', async () => {
    const definition = redisStore({ clientToken: 'REDIS', keyPrefix: fixture.keyPrefix });
    expect(definition.inject).toEqual(['REDIS']);
    const client = fixture.client();
    const context = { logger: fixture.logger, retentionMs: 1, auditRetentionMs: 1 };
    const store = await definition.create(context, client);
    await store.start();
    await exercise(store, 'alice');
    await store.stop();
    expect(client.status).toBe('ready');
  });

  it('that the store opened are closed by the store, and leave no connection', async () => {
    const store = await fixture.open();
    const named = async () => (String(await redis.client('LIST')).match(/name=nest-sessions /g) ?? []).length;
    expect(await named()).toBe(1);
    const finding = store.find(aNewSession().id);
    await store.stop();
    expect(await finding).toEqual({ live: false, reason: 'unknown' });
    await eventually(async () => expect(await named()).toBe(0));
  });

  it('do not need KEYS, SCAN, CONFIG, FLUSH or INFO (spring-projects/spring-session#1103)', async () => {
    const needed = 'eval evalsha time hmget hget hgetall hkeys hlen hexists hrandfield hset hsetnx hdel pttl pexpireat';
    const rules = needed.split(' ').map((command) => `+${command}`);
    await redis.acl('SETUSER', 'sessions', 'reset', 'on', '>secret', `~${fixture.keyPrefix}:*`, ...rules);
    // ioredis writes to the console that it skips its ready check.
    const warn = jest.spyOn(console, 'warn').mockReturnValue();
    const store = await fixture.open({ url: server.url.replace('//', '//sessions:secret@') });
    warn.mockRestore();
    await exercise(store, 'alice');
    for (let i = 0; i < 100; i++) await store.create(aNewSession({ userId: 'many' }));
    const denied = (await redis.call('ACL', 'LOG')) as unknown[][];
    const objects = denied.map((entry) => String(entry[entry.indexOf('object') + 1]));
    expect(objects.filter((object) => !/^(info|client|hello)/i.test(object))).toEqual([]);
    expect(fixture.logger.warnings).toEqual([]);
  });

  it('without permission for scripts are rejected at boot, with the permissions to grant', async () => {
    await redis.acl('SETUSER', 'reader', 'reset', 'on', '>secret', '~*', '+@read', '+info');
    const store = await fixture.make({ url: server.url.replace('//', '//reader:secret@') });
    await expect(store.start()).rejects.toMatchObject({
      code: 'SESSION_CONFIGURATION',
      message: expect.stringMatching(/lacks a permission.*evalsha.*\+hsetnx/),
    });
  });
});
