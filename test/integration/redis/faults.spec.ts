import { eventually } from '../../support/redis-probes.js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { inspect } from 'node:util';
import type { RedisClient } from 'nest-sessions/redis';
import { SCRIPTS } from '#src/stores/redis/connection/scripts.generated.js';
import { SessionStoreUnavailableError } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { aNewSession, aTokenHash } from 'nest-sessions/testing';
import { RedisFixture, useRedisFixture, rejection } from './fixture.js';
import { startRedisServer } from 'local-servers/testing';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const TIMEOUT_MS = 200;
/** Other suites share the two busy cores. */
const SLACK_MS = 2000;

function everyOperation(store: SessionStore) {
  const { id, userId, tokenHash } = aNewSession({ userId: 'alice' });
  const end = { reason: 'logout', endedBy: null } as const;
  return {
    create: () => store.create(aNewSession({ userId })),
    find: () => store.find(id),
    touch: () => store.touch({ id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: 0 }),
    update: () => store.update({ id, expectedVersion: 1, data: {} }),
    rotate: () => store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' }),
    revoke: () => store.revoke({ id, ...end }),
    revokeAll: () => store.revokeAll({ userId: 'alice', ...end }),
    listByUser: () => store.listByUser({ userId: 'alice' }),
  };
}

/** A client with only the interface that the store needs, and a number of revocations that fail. */
function failingToRevoke(client: Redis, failures: number): RedisClient {
  let left = failures;
  return {
    call: (command, ...args) => {
      const fails = args[0] === SCRIPTS.revoke.sha1 && left-- > 0;
      return fails ? Promise.reject(new Error('READONLY')) : client.call(command, ...args);
    },
    on: (event, listener) => client.on(event, listener),
    off: (event, listener) => client.off(event, listener),
    listenerCount: (event) => client.listenerCount(event),
    connect: () => client.connect(),
    get status() {
      return client.status;
    },
    options: {},
  };
}

describe('the Redis store when Redis fails', () => {
  afterEach(() => void jest.restoreAllMocks());
  const { fixture, server } = useRedisFixture();
  let redis: Redis;

  beforeEach(() => {
    redis = fixture.client();
  });

  async function create(store: SessionStore, overrides: Parameters<typeof aNewSession>[0] = {}) {
    const session = aNewSession({ userId: 'alice', ...overrides });
    expect(await store.create(session)).toMatchObject({ created: true });
    return { ...session, key: fixture.keyOf(session.id) };
  }

  describe('by not answering (tj/connect-redis#373)', () => {
    it.each(['url', 'client'])(
      'rejects every operation at its deadline and recovers by itself (by %s)',
      async (source) => {
        const options = source === 'client' ? { client: fixture.client() } : {};
        const store = await fixture.open({ ...options, operationTimeout: `${TIMEOUT_MS}ms` });
        const { id } = await create(await fixture.open(), { userId: 'somebody else' });
        server.kill('SIGSTOP');
        const outcomes = await Promise.all(Object.values(everyOperation(store)).map(rejection));
        for (const { error, elapsedMs } of outcomes) {
          expect(error).toBeInstanceOf(SessionStoreUnavailableError);
          expect(error).toMatchObject({ message: expect.stringContaining(`no answer within ${TIMEOUT_MS} ms`) });
          expect(elapsedMs).toBeGreaterThanOrEqual(TIMEOUT_MS - 5);
          expect(elapsedMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);
        }
        server.kill('SIGCONT');
        await eventually(async () => expect(await store.find(id)).toMatchObject({ live: true }));
      },
    );

    it('keeps a bounded number of commands waiting, and rejects the rest at once', async () => {
      const client = fixture.client();
      const store = await fixture.open({ client, operationTimeout: `${TIMEOUT_MS}ms` });
      const { id } = await create(await fixture.open());
      server.kill('SIGSTOP');
      for (let round = 0; round < 3; round++) {
        await Promise.all(Array.from({ length: 512 }, () => rejection(() => store.find(id))));
      }
      // One command per deadline is let through, to notice recovery; this is another one.
      void rejection(() => store.find(id));
      const { error, elapsedMs } = await rejection(() => store.find(id));
      expect(error).toMatchObject({ message: expect.stringContaining('earlier commands have not been answered') });
      expect(elapsedMs).toBeLessThan(TIMEOUT_MS);
      const waiting: unknown = Reflect.get(client, 'commandQueue');
      expect(waiting).toMatchObject({ length: expect.any(Number) });
      expect((waiting as { length: number }).length).toBeLessThan(600);
      server.kill('SIGCONT');
      await eventually(async () => expect(await store.find(id)).toMatchObject({ live: true }));
      await eventually(async () => {
        const found = await Promise.all(Array.from({ length: 1000 }, () => store.find(id)));
        expect(found.every(({ live }) => live)).toBe(true);
      });
    });

    it('stops within a deadline while an operation hangs', async () => {
      const store = await fixture.open({ operationTimeout: `${TIMEOUT_MS}ms` });
      server.kill('SIGSTOP');
      const finding = rejection(() => store.find('x'));
      const startedAtMs = performance.now();
      await store.stop();
      expect(performance.now() - startedAtMs).toBeLessThan(TIMEOUT_MS + SLACK_MS);
      expect((await finding).error).toBeInstanceOf(SessionStoreUnavailableError);
    });
  });

  describe('by refusing', () => {
    it('rejects writes on a demoted master, never reports a revocation as done, and recovers (redis/ioredis#1835)', async () => {
      const store = await fixture.open();
      const { id, tokenHash } = await create(store);
      await redis.replicaof('127.0.0.1', '1');
      const end = { reason: 'logout', endedBy: null } as const;
      const writes = [
        () => store.create(aNewSession({ userId: 'alice' })),
        () => store.touch({ id, idleTimeoutMs: 60 * MINUTE_MS, touchIntervalMs: 0 }),
        () => store.update({ id, expectedVersion: 1, data: {} }),
        () => store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' }),
        () => store.revoke({ id, ...end }),
        () => store.revokeAll({ userId: 'alice', ...end }),
      ];
      for (const write of writes) {
        const { error } = await rejection(write);
        expect(error).toBeInstanceOf(SessionStoreUnavailableError);
      }
      await redis.replicaof('NO', 'ONE');
      const ended = await eventually(() => store.revoke({ id, reason: 'logout', endedBy: null }));
      expect(ended).toMatchObject({ id });
    });

    it('creates and ends nothing when memory is full, while find and revoke keep working (cuttle-cards/cuttle#1365)', async () => {
      const store = await fixture.open();
      const { id, key } = await create(store);
      const before = await redis.hgetall(key);
      await redis.config('SET', 'maxmemory', '1');
      const limit = { max: 1, onLimit: 'revoke-oldest' } as const;
      const { error } = await rejection(() => store.create(aNewSession({ userId: 'alice', limit, replaces: id })));
      expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', message: expect.stringContaining('OOM') });
      expect(await redis.hgetall(key)).toEqual(before);
      expect(await store.find(id)).toMatchObject({ live: true });
      expect(await store.revoke({ id, reason: 'logout', endedBy: null })).toMatchObject({ id });
      await redis.config('SET', 'maxmemory', '0');
    });

    it('repeats no argument in an error: no token hash, no data (alexedwards/scs#197)', async () => {
      const store = await fixture.open({ client: fixture.client({ showFriendlyErrorStack: true }) });
      const session = aNewSession({ userId: 'alice', data: { secret: 'in-the-data' } });
      await redis.set(fixture.keyOf(session.id), 'a string');
      const { error } = await rejection(() => store.create(session));
      expect(error).toMatchObject({ message: expect.stringContaining('WRONGTYPE') });
      const said = inspect(error, { depth: Infinity, showHidden: true });
      for (const secret of [
        'in-the-data',
        Buffer.from(session.tokenHash).toString('base64url'),
        'nest-sessions create',
      ]) {
        expect(said).not.toContain(secret);
      }
    });
  });

  describe('between two steps', () => {
    it('removes the new session and rejects when the replaced one cannot be ended', async () => {
      const store = await fixture.open({ client: failingToRevoke(fixture.client(), 1) });
      const anonymous = await create(store, { userId: null });
      const session = aNewSession({ userId: 'alice', replaces: anonymous.id });
      const { error } = await rejection(() => store.create(session));
      expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', message: expect.stringContaining('READONLY') });
      expect(await store.find(session.id)).toEqual({ live: false, reason: 'unknown' });
      expect(await store.find(anonymous.id)).toMatchObject({ live: true });
    });

    it('still rejects when the new session cannot be removed: nobody has its token', async () => {
      const store = await fixture.open({ client: failingToRevoke(fixture.client(), 2) });
      const anonymous = await create(store, { userId: null });
      const { error } = await rejection(() => store.create(aNewSession({ userId: 'alice', replaces: anonymous.id })));
      expect(error).toBeInstanceOf(SessionStoreUnavailableError);
      expect(await store.find(anonymous.id)).toMatchObject({ live: true });
    });

    it('finishes both steps when the store stops meanwhile', async () => {
      const store = await fixture.open();
      const anonymous = await create(store, { userId: null });
      const session = aNewSession({ userId: 'alice', replaces: anonymous.id });
      const creating = store.create(session);
      await store.stop();
      expect(await creating).toMatchObject({ created: true, ended: [{ id: anonymous.id }] });
      expect(await redis.keys('*')).toEqual([fixture.keyOf(session.id)]);
    });
  });

  describe('by going away', () => {
    it('fails at once while there is no connection, queues nothing, and recovers by itself', async () => {
      const own = await startRedisServer();
      const ownFixture = new RedisFixture(own);
      const client = ownFixture.client();
      const stores = [await ownFixture.open(), await ownFixture.open({ client })];
      await redis.ping();
      own.kill('SIGKILL');
      for (const store of stores) {
        await eventually(async () => {
          const { error } = await rejection(() => store.find('x'));
          expect(error).toMatchObject({ message: expect.stringMatching(/not connected to 127\.0\.0\.1:\d+ \(/) });
        });
        for (const call of Object.values(everyOperation(store))) {
          const { error, elapsedMs } = await rejection(call);
          expect(error).toBeInstanceOf(SessionStoreUnavailableError);
          expect(elapsedMs).toBeLessThan(SLACK_MS);
        }
      }
      expect(Reflect.get(client, 'offlineQueue')).toMatchObject({ length: 0 });
      const again = await startRedisServer({ port: own.port });
      for (const store of stores) {
        await eventually(async () => expect(await store.find('x')).toEqual({ live: false, reason: 'unknown' }));
      }
      // The store logs for the client that it opened; the other client has an owner that does.
      expect(ownFixture.logger.lines).toEqual([
        expect.stringMatching(/^warn lost the connection to Redis at 127\.0\.0\.1:\d+.*: sessions are unavailable/),
        expect.stringMatching(/^log connected to Redis at 127\.0\.0\.1:\d+ again$/),
      ]);
      await ownFixture.close();
      expect(ownFixture.logger.lines).toHaveLength(2);
      await again.stop();
      await own.stop();
    });
  });
});
