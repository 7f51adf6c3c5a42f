import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { inspect } from 'node:util';
import { SessionStoreUnavailableError, type SessionStore } from 'nest-sessions';
import { createSessionId } from '../../libs/session/src/core/session-id.js';
import { aNewSession, aTokenHash } from 'nest-sessions/testing';
import { countCalls, eventually, RedisFixture } from './redis-fixture.js';
import { startProxy } from './redis-proxy.js';
import { startRedisServer, type RedisServer } from '../support/servers.js';

const MINUTE_MS = 60_000;
const TIMEOUT_MS = 200;
const anotherId = createSessionId('bob');
/** Two busy cores are shared with other suites. */
const SLACK_MS = 400;

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

/** Waits for a rejection and says how long that took. */
async function rejection(call: () => Promise<unknown>) {
  const startedAtMs = performance.now();
  const error = await call().then(
    () => new Error('it did not reject'),
    (reason: unknown) => reason,
  );
  return { error, elapsedMs: performance.now() - startedAtMs };
}

describe('the Redis store when Redis fails', () => {
  let server: RedisServer;
  let fixture: RedisFixture;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedisServer();
  });
  beforeEach(() => {
    fixture = new RedisFixture(server.url);
    redis = fixture.client();
  });
  afterEach(async () => {
    server.kill('SIGCONT');
    jest.restoreAllMocks();
    await redis.flushall();
    await fixture.close();
  });
  afterAll(() => server.stop());

  async function create(store: SessionStore, overrides: Parameters<typeof aNewSession>[0] = {}) {
    const session = aNewSession({ userId: 'alice', ...overrides });
    expect(await store.create(session)).toMatchObject({ created: true });
    return { ...session, key: fixture.keyOf(session.id) };
  }

  describe('by not answering (pain 9)', () => {
    it.each(['url', 'client'])(
      'rejects every operation at its deadline and recovers by itself (by %s)',
      async (source) => {
        const options = source === 'client' ? { client: fixture.client() } : {};
        const store = await fixture.open({ ...options, operationTimeout: `${TIMEOUT_MS}ms` });
        const { id } = await create(store, { userId: 'somebody else' });
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

    it('keeps a bounded number of commands waiting, and lets the rest fail at once', async () => {
      const client = fixture.client();
      const store = await fixture.open({ client, operationTimeout: `${TIMEOUT_MS}ms` });
      const { id } = await create(store);
      server.kill('SIGSTOP');
      for (let round = 0; round < 3; round++) {
        await Promise.all(Array.from({ length: 512 }, () => rejection(() => store.find(id))));
      }
      // One in each deadline goes through, to notice recovery; this is the other one.
      void rejection(() => store.find(id));
      const { error, elapsedMs } = await rejection(() => store.find(id));
      expect(error).toMatchObject({ message: expect.stringContaining('earlier commands have not been answered') });
      expect(elapsedMs).toBeLessThan(TIMEOUT_MS / 2);
      const waiting: unknown = Reflect.get(client, 'commandQueue');
      expect(waiting).toMatchObject({ length: expect.any(Number) });
      expect((waiting as { length: number }).length).toBeLessThan(600);
      server.kill('SIGCONT');
      await eventually(async () => expect(await store.find(id)).toMatchObject({ live: true }));
      const found = await Promise.all(Array.from({ length: 1000 }, () => store.find(id)));
      expect(found.every(({ live }) => live)).toBe(true);
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

  describe('by running a command after its caller gave up (pain 23)', () => {
    /** Lets the operation time out against a stopped server, and then run there. */
    async function runLate(operate: (store: SessionStore) => Promise<unknown>, prepare = create) {
      const client = fixture.client();
      const store = await fixture.open({ client, operationTimeout: '50ms' });
      const session = await prepare(store, { limit: { max: 1, onLimit: 'revoke-oldest' } });
      const before = await redis.hgetall(session.key);
      server.kill('SIGSTOP');
      const { error } = await rejection(() => operate(store));
      expect(error).toMatchObject({ message: expect.stringContaining('no answer within') });
      server.kill('SIGCONT');
      // Replies come in order: when this one is there, the late command has run.
      await client.ping();
      return { store, before, after: await redis.hgetall(session.key), session };
    }

    it('creates nothing, and ends nothing for its sake', async () => {
      const limit = { max: 1, onLimit: 'revoke-oldest' } as const;
      const late = aNewSession({ userId: 'alice', limit });
      const { before, after, store } = await runLate((one) => one.create(late));
      expect(after).toEqual(before);
      expect(await store.find(late.id)).toEqual({ live: false, reason: 'unknown' });
    });

    it('does not pass activity of then for activity of now', async () => {
      let id = '';
      const { before, after } = await runLate(
        (one) => one.touch({ id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: 0 }),
        async (store) => {
          const session = await create(store);
          ({ id } = session);
          return session;
        },
      );
      expect(after).toEqual(before);
    });

    it('neither updates nor rotates', async () => {
      let session: Awaited<ReturnType<typeof create>> | undefined;
      const prepare = async (store: SessionStore) => (session = await create(store));
      const { before, after } = await runLate(async (one) => {
        const { id = '', tokenHash = aTokenHash() } = session ?? {};
        const rotating = one.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' });
        const updating = one.update({ id, expectedVersion: 1, data: { late: true } });
        await Promise.all([rotating, updating]);
      }, prepare);
      expect(after).toEqual(before);
    });

    it('still revokes', async () => {
      let id = '';
      const { store } = await runLate(
        (one) => one.revoke({ id, reason: 'logout', endedBy: null }),
        async (one) => {
          const session = await create(one);
          ({ id } = session);
          return session;
        },
      );
      expect(await store.find(id)).toEqual({ live: false, reason: 'unknown' });
    });
  });

  describe('by losing the answer', () => {
    it('drops a session whose creation was answered too late to be told', async () => {
      const proxy = await startProxy(server.port);
      const store = await fixture.open({ url: proxy.url, operationTimeout: `${TIMEOUT_MS}ms` });
      const session = aNewSession({ userId: 'alice' });
      proxy.holdReplies();
      const { error } = await rejection(() => store.create(session));
      expect(error).toBeInstanceOf(SessionStoreUnavailableError);
      expect(await redis.hexists(fixture.keyOf(session.id), session.id)).toBe(1);
      proxy.releaseReplies();
      await eventually(async () => expect(await redis.dbsize()).toBe(0));
      await store.stop();
      await proxy.close();
    });

    it.each<
      [string, (store: SessionStore, session: { id: string; tokenHash: Uint8Array }) => Promise<unknown>, object]
    >([
      ['create', (store) => store.create(aNewSession({ userId: 'bob', id: anotherId })), { created: true }],
      [
        'update',
        (store, { id }) => store.update({ id, expectedVersion: 1, data: { n: 1 } }),
        { applied: true, record: { version: 2 } },
      ],
      [
        'rotate',
        (store, { id, tokenHash }) =>
          store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' }),
        { applied: true, record: { version: 2 } },
      ],
    ])('applies %s once when the client sends it again after a lost connection', async (_name, operate, outcome) => {
      const proxy = await startProxy(server.port);
      const client = new Redis(proxy.url, { retryStrategy: () => 1 });
      client.on('error', () => undefined);
      const store = await fixture.open({ client, operationTimeout: '5s' });
      const session = await create(store);
      await store.find(session.id);
      const runs = await countCalls(redis, 'evalsha');
      proxy.holdReplies();
      const operating = operate(store, session);
      await eventually(async () => expect(await countCalls(redis, 'evalsha')).toBe(runs + 1));
      proxy.cut();
      expect(await operating).toMatchObject(outcome);
      expect(await countCalls(redis, 'evalsha')).toBeGreaterThanOrEqual(runs + 2);
      await store.stop();
      client.disconnect();
      await proxy.close();
    });

    it('does not mistake the change of another writer for its own', async () => {
      const store = await fixture.open();
      const { id } = await create(store);
      const change = { id, expectedVersion: 1, data: { n: 1 } };
      const outcomes = await Promise.all([store.update(change), store.update(change)]);
      expect(outcomes.filter(({ applied }) => applied)).toHaveLength(1);
    });
  });

  describe('by refusing', () => {
    it('rejects writes on a demoted master, never says that a revocation is done, and recovers (pain 24)', async () => {
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

    it('creates nothing when memory is full, and ends nothing for its sake; finding and revoking go on (pain 59)', async () => {
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

    it('repeats no argument in an error: no token hash, no data (pain 43)', async () => {
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

  describe('by going away', () => {
    it('fails at once while there is no connection, queues nothing, and recovers by itself', async () => {
      const own = await startRedisServer();
      const ownFixture = new RedisFixture(own.url);
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
          expect(elapsedMs).toBeLessThan(100);
        }
      }
      expect(Reflect.get(client, 'offlineQueue')).toMatchObject({ length: 0 });
      const again = await startRedisServer({ port: own.port });
      for (const store of stores) {
        await eventually(async () => expect(await store.find('x')).toEqual({ live: false, reason: 'unknown' }));
      }
      // The client that we opened says so itself; of the other its owner is told.
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

  describe("by disagreeing with this process' clock", () => {
    it.each([-5, 0, 5])(
      'judges expiry by its own clock, with Date.now off by %i minutes (I4, pain 56)',
      async (minutes) => {
        const { now } = Date;
        jest.spyOn(Date, 'now').mockImplementation(() => now.call(Date) + minutes * MINUTE_MS);
        const store = await fixture.open();
        const { id } = await create(store, { idleTimeoutMs: 400 });
        const [seconds] = await redis.time();
        const found = await store.find(id);
        expect(found).toMatchObject({ live: true });
        expect(Math.abs((found.live ? found.now.getTime() : 0) - Number(seconds) * 1000)).toBeLessThan(3000);
        await eventually(async () => expect(await store.find(id)).toMatchObject({ live: false }));
        const [, micros] = await redis.time();
        expect(Number(micros)).toBeGreaterThanOrEqual(0);
      },
    );

    it.each([-5, 5])('asks for the time again when the clock of this process is set by %i minutes', async (minutes) => {
      const store = await fixture.open();
      const { id } = await create(store);
      await store.find(id);
      const asked = await countCalls(redis, 'time');
      const { now } = Date;
      jest.spyOn(Date, 'now').mockImplementation(() => now.call(Date) + minutes * MINUTE_MS);
      const found = await store.find(id);
      expect(found).toMatchObject({ live: true });
      expect(await countCalls(redis, 'time')).toBeGreaterThan(asked);
      const after = await countCalls(redis, 'time');
      await store.find(id);
      expect(await countCalls(redis, 'time')).toBe(after);
    });
  });
});
