import { countCalls, eventually } from '../../support/redis-probes.js';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { createSessionId } from '#src/core/session/session-id.js';
import { SCRIPTS } from '#src/stores/redis/connection/scripts.generated.js';
import { SessionStoreUnavailableError } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { aNewSession, aTokenHash } from 'nest-sessions/testing';
import { useRedisFixture, rejection } from './fixture.js';
import { startProxy } from './proxy.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const TIMEOUT_MS = 200;
const anotherId = createSessionId('bob');

describe('the Redis store when commands run late or twice', () => {
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

  describe('after its caller gave up (redis/ioredis#2130)', () => {
    type Session = Awaited<ReturnType<typeof create>>;

    /** Holds the operation's command back until its caller gave up and `meanwhile` happened, then releases it. */
    async function runLate(
      operate: (store: SessionStore, session: Session) => Promise<unknown>,
      meanwhile: () => Promise<unknown> = () => Promise.resolve(),
    ) {
      for (const { source } of Object.values(SCRIPTS)) await redis.script('LOAD', source);
      const proxy = await startProxy(server.port);
      const client = new Redis(proxy.url);
      const store = await fixture.open({ client, operationTimeout: `${TIMEOUT_MS}ms` });
      const session = await create(await fixture.open());
      proxy.requests.hold();
      const { error } = await rejection(() => operate(store, session));
      expect(error).toMatchObject({ message: expect.stringContaining('no answer within') });
      await meanwhile();
      const before = await redis.hgetall(session.key);
      proxy.requests.release();
      // Replies come in order: after this one, the late command has run.
      await client.ping();
      const after = await redis.hgetall(session.key);
      await store.stop();
      client.disconnect();
      await proxy.close();
      return { before, after, session };
    }

    it('creates nothing and ends nothing', async () => {
      const limit = { max: 1, onLimit: 'revoke-oldest' } as const;
      const { before, after, session } = await runLate((store, { id }) =>
        store.create(aNewSession({ userId: 'alice', limit, replaces: id })),
      );
      expect(after).toEqual(before);
      expect(Object.keys(after).toSorted()).toEqual([session.id, `${session.id}:t`]);
    });

    it('does not record old activity as current', async () => {
      const { before, after } = await runLate((store, { id }) =>
        store.touch({ id, idleTimeoutMs: 60 * MINUTE_MS, touchIntervalMs: 0 }),
      );
      expect(after).toEqual(before);
    });

    it('does not update', async () => {
      const { before, after } = await runLate((store, { id }) =>
        store.update({ id, expectedVersion: 1, data: { late: true } }),
      );
      expect(after).toEqual(before);
    });

    it('does not rotate, which would sign out a client whose caller saw a failure', async () => {
      const { before, after } = await runLate((store, { id, tokenHash }) =>
        store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' }),
      );
      expect(after).toEqual(before);
    });

    it('still revokes', async () => {
      const { after } = await runLate((store, { id }) => store.revoke({ id, reason: 'logout', endedBy: null }));
      expect(after).toEqual({});
    });

    it('still revokes all earlier sessions, and spares sign-ins since', async () => {
      const signedInSince = aNewSession({ userId: 'alice' });
      const { after } = await runLate(
        (store) => store.revokeAll({ userId: 'alice', reason: 'logout', endedBy: null }),
        async () => (await fixture.open()).create(signedInSince),
      );
      expect(Object.keys(after).toSorted()).toEqual([signedInSince.id, `${signedInSince.id}:t`]);
    });
  });

  describe('because the answer was lost', () => {
    it('drops a session whose creation was answered too late', async () => {
      const proxy = await startProxy(server.port);
      const store = await fixture.open({ url: proxy.url, operationTimeout: `${TIMEOUT_MS}ms` });
      const session = aNewSession({ userId: 'alice' });
      proxy.replies.hold();
      const { error } = await rejection(() => store.create(session));
      expect(error).toBeInstanceOf(SessionStoreUnavailableError);
      expect(await redis.hexists(fixture.keyOf(session.id), session.id)).toBe(1);
      proxy.replies.release();
      await eventually(async () => expect(await redis.dbsize()).toBe(0));
      await store.stop();
      await proxy.close();
    });

    it('drops a session whose creation was never answered, because the connection was lost before the deadline', async () => {
      const proxy = await startProxy(server.port);
      const store = await fixture.open({ url: proxy.url, operationTimeout: `${TIMEOUT_MS}ms` });
      const session = aNewSession({ userId: 'alice' });
      proxy.replies.hold();
      const creation = rejection(() => store.create(session));
      await eventually(async () => expect(await redis.hexists(fixture.keyOf(session.id), session.id)).toBe(1));
      proxy.cut();
      expect((await creation).error).toBeInstanceOf(SessionStoreUnavailableError);
      proxy.replies.release();
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
      proxy.replies.hold();
      const operating = operate(store, session);
      await eventually(async () => expect(await countCalls(redis, 'evalsha')).toBe(runs + 1));
      proxy.cut();
      expect(await operating).toMatchObject(outcome);
      expect(await countCalls(redis, 'evalsha')).toBeGreaterThanOrEqual(runs + 2);
      await store.stop();
      client.disconnect();
      await proxy.close();
    });

    it("does not mistake another writer's change for its own", async () => {
      const store = await fixture.open();
      const { id } = await create(store);
      const change = { id, expectedVersion: 1, data: { n: 1 } };
      const outcomes = await Promise.all([store.update(change), store.update(change)]);
      expect(outcomes.filter(({ applied }) => applied)).toHaveLength(1);
    });
  });

  describe("with this process' clock wrong", () => {
    it.each([-5, 0, 5])(
      'judges expiry by its own clock, with Date.now off by %i minutes (I4, typeorm/typeorm#9943)',
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

  describe("after the server's clock was set forward", () => {
    it.each<[string, (store: SessionStore, session: Awaited<ReturnType<typeof create>>) => Promise<unknown>, unknown]>([
      ['creates', (store) => store.create(aNewSession({ userId: 'bob' })), { created: true }],
      ['touches', (store, { id }) => store.touch({ id, idleTimeoutMs: 9 * MINUTE_MS, touchIntervalMs: 0 }), true],
      ['updates', (store, { id }) => store.update({ id, expectedVersion: 1, data: { n: 1 } }), { applied: true }],
      [
        'rotates',
        (store, { id, tokenHash }) =>
          store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' }),
        { applied: true, record: { version: 2 } },
      ],
      [
        'revokes all and tells of each',
        (store) => store.revokeAll({ userId: 'alice', reason: 'logout', endedBy: null }),
        [{ endReason: 'logout' }],
      ],
    ])('%s all the same, and is not late a second time', async (_name, operate, outcome) => {
      const store = await fixture.open({ operationTimeout: '10s' });
      const session = await create(store);
      setServerForward();
      const before = await countCalls(redis, 'evalsha');
      expect({ done: await operate(store, session) }).toMatchObject({ done: outcome });
      expect(await countCalls(redis, 'evalsha')).toBeGreaterThanOrEqual(before + 2);
      const after = await countCalls(redis, 'evalsha');
      const other = await create(store, { userId: 'carol' });
      expect(await store.update({ id: other.id, expectedVersion: 1, data: {} })).toMatchObject({ applied: true });
      expect(await countCalls(redis, 'evalsha')).toBe(after + 2);
    });

    it('is unavailable when its clock is set forward again before the second attempt', async () => {
      const store = await fixture.open({ client: redis });
      const { id, key } = await create(store);
      setServerForward();
      const before = await redis.hgetall(key);
      const send = redis.sendCommand.bind(redis);
      let late = 0;
      jest.spyOn(redis, 'sendCommand').mockImplementation(async (command, stream) => {
        const reply = await send(command, stream);
        if (!Array.isArray(reply) || reply[0] !== 'late') return reply;
        late += 1;
        return ['late', String(Number(reply[1]) - 5 * MINUTE_MS)];
      });
      const { error } = await rejection(() => store.update({ id, expectedVersion: 1, data: { n: 1 } }));
      expect(error).toBeInstanceOf(SessionStoreUnavailableError);
      expect(late).toBe(2);
      expect(await redis.hgetall(key)).toEqual(before);
    });
  });
});

/** Simulates it for this process: the server's time moves away from both local clocks. */
function setServerForward() {
  const [monotonic, wall] = [performance.now.bind(performance), Date.now.bind(Date)];
  jest.spyOn(performance, 'now').mockImplementation(() => monotonic() - 5 * MINUTE_MS);
  jest.spyOn(Date, 'now').mockImplementation(() => wall() - 5 * MINUTE_MS);
}
