import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import type { HybridSessionStore } from 'nest-sessions/hybrid';
import { postgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable.js';
import { redisHotSessions } from '#src/stores/redis/hot/redis-hot.js';
import type { CreatedSession, SessionService } from 'nest-sessions';
import { CircuitBreaker } from '#src/stores/hybrid/sides/circuit-breaker.js';
import { assembleHybrid } from '#src/stores/hybrid/store/assemble-hybrid.js';
import type { HotSweeper } from '#src/stores/hybrid/upkeep/hot-sweeper.js';
import { PostgresWorld } from '../integration/postgres/world.js';
import { aroundCalls } from '../support/port-calls.js';
import { startRedisServer, type RedisServer } from 'local-servers/testing';
import { TcpProxy } from '../support/tcp-proxy.js';
import { keyOf, serviceOn } from './fault-world.js';
import { tryToken } from './hybrid-operations.js';

type Lose = (redis: Redis, id: string) => Promise<unknown>;

const LOSSES: Record<string, Lose> = {
  'the record': (redis, id) => redis.hdel(keyOf(id), id),
  'the activity': (redis, id) => redis.hdel(keyOf(id), `${id}:t`),
  'the generation': (redis, id) => redis.hdel(keyOf(id), `${id}:g`),
  'the lease': (redis, id) => redis.hdel(keyOf(id), `${id}:l`),
  'the user’s key': (redis, id) => redis.del(keyOf(id)),
  everything: (redis) => redis.flushall(),
};

/** Each operation returns the tokens that must work and those that must not. */
const OPERATIONS: Record<string, (service: SessionService, own: CreatedSession) => Promise<Ending>> = {
  create: async (service, { session }) => {
    const { token } = await service.create({ userId: session.userId, data: { visits: 7 } });
    return { live: [token], over: [] };
  },
  find: async (service, { token }) => {
    expect(await tryToken(token, { service })).toBe('live');
    return { live: [token], over: [] };
  },
  rotate: async (service, { token }) => {
    const rotated = await service.rotate(token);
    if (!rotated.rotated) throw new Error(`not rotated: ${rotated.reason}`);
    return { live: [rotated.token], over: [token] };
  },
  update: async (service, { session, token }) => {
    expect(await service.update(session.id, { set: { note: 'x' } })).toMatchObject({ data: { note: 'x' } });
    return { live: [token], over: [] };
  },
  revoke: async (service, { session, token }) => {
    expect(await service.revoke(session.id)).toBe(true);
    return { live: [], over: [token] };
  },
  revokeAll: async (service, { session, token }) => {
    expect(await service.revokeAll(session.userId ?? '')).toHaveLength(2);
    return { live: [], over: [token] };
  },
};

interface Ending {
  readonly live: readonly string[];
  readonly over: readonly string[];
}

/** Before the sweep, before and after it asks Postgres for its epoch, and before it lists kept revocations. */
const STEPS_UNTIL_LISTED = 4;

describe('what Redis loses at any moment', () => {
  let server: RedisServer;
  let redis: Redis;
  let world: PostgresWorld;
  /** Between the store and Postgres. */
  let proxy: TcpProxy;
  let store: HybridSessionStore;
  let sweeper: HotSweeper;
  let service: SessionService;
  /** Called before and after each call of a side, with its name. */
  let onStep: (name: string) => Promise<unknown> = async () => undefined;

  beforeAll(async () => {
    [server, world] = await Promise.all([startRedisServer(), PostgresWorld.open({ hotChanges: true })]);
    redis = new Redis(server.url);
    const context = world.context();
    const watch = <Port extends object>(port: Port) =>
      aroundCalls(port, async (name, call) => {
        await onStep(`before ${name}`);
        const result = await call();
        await onStep(`after ${name}`);
        return result;
      });
    const { schema } = world;
    const url = new URL(world.url);
    proxy = await TcpProxy.open(Number(url.port || 5432));
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    // These breakers never open: every call is made.
    const breaker = (name: string) => new CircuitBreaker({ name, threshold: Infinity, periodMs: 1_000 });
    ({ store, sweeper } = assembleHybrid({
      hot: watch(redisHotSessions({ url: server.url, operationTimeout: '5s' }).create(context)),
      durable: watch(
        postgresDurableSessions({ url: url.href, schema, operationTimeout: '5s', touchFlushInterval: '20ms' }).create(
          context,
        ),
      ),
      hotBreaker: breaker('redis'),
      durableBreaker: breaker('postgres'),
      durableKeys: [],
      logger: context.logger,
      sweepIntervalMs: 3_600_000,
      reconcileIntervalMs: false,
    }));
    await store.start();
    service = serviceOn(store);
  });
  afterAll(async () => {
    await store?.stop();
    redis?.disconnect();
    await Promise.all([server?.stop(), proxy?.close()]);
    await world?.close();
  });

  const signInTwice = async () => {
    const userId = `user-${randomUUID()}`;
    const own = await service.create({ userId, data: { visits: 7 } });
    const other = await service.create({ userId, data: { visits: 7 } });
    return { userId, own, other };
  };

  const stepsOf = async (work: () => Promise<unknown>) => {
    const steps: string[] = [];
    onStep = async (name) => void steps.push(name);
    await work().finally(() => (onStep = async () => undefined));
    return steps;
  };

  /** Runs work, and loses something at its n-th step. @returns Whether it has that many steps. */
  const losingAt = async <T>(step: number, lose: () => Promise<unknown>, work: () => Promise<T>) => {
    let steps = 0;
    onStep = async () => {
      steps += 1;
      if (steps === step) await lose();
    };
    const result = await work().finally(() => (onStep = async () => undefined));
    return { result, isReached: steps >= step };
  };

  const dataOf = async (token: string) => {
    const found = await service.authenticate(token);
    return found.outcome === 'live' ? found.session.data : undefined;
  };

  const expectNothingElseLost = async (
    userId: string,
    { live, over }: Ending,
    { other }: { other: CreatedSession },
  ) => {
    await sweeper.sweep();
    for (const token of over) expect(await tryToken(token, { service })).toBe('absent');
    for (const token of live) {
      expect(await tryToken(token, { service })).toBe('live');
      // All of its data or none, and no other session's.
      expect([undefined, 7]).toContain((await dataOf(token))?.visits);
    }
    const listed = await service.listByUser(userId);
    const [isOtherListed, isOtherLive] = [
      listed.some(({ id }) => id === other.session.id),
      (await tryToken(other.token, { service })) === 'live',
    ];
    expect(isOtherListed).toBe(isOtherLive);
    // Every listed session can be revoked, and none authenticates afterwards.
    expect(await service.revokeAll(userId)).toHaveLength(listed.length);
    for (const token of [...live, ...over, other.token]) expect(await tryToken(token, { service })).toBe('absent');
    expect(await service.listByUser(userId)).toEqual([]);
  };

  describe.each(Object.keys(LOSSES))('%s', (loss) => {
    it.each(Object.keys(OPERATIONS))('between any two steps of %s', async (operation) => {
      for (let step = 1, isReached = true; isReached; step += 1) {
        const { userId, own, other } = await signInTwice();
        // Otherwise half of the finds would meet a believed copy and take one step.
        if (operation === 'find') await redis.hdel(keyOf(own.session.id), `${own.session.id}:g`);
        const lose = async () => LOSSES[loss]?.(redis, await newestIdOf(userId));
        const run = () => OPERATIONS[operation]?.(service, own) ?? Promise.reject(new Error('no such operation'));
        const losing = await losingAt(step, lose, run);
        ({ isReached } = losing);
        await expectNothingElseLost(userId, losing.result, { other });
        if (step > 60) throw new Error('it does not end');
      }
    });
  });

  /** Id of the operation's session: the one that it just began, or the user's first. */
  const newestIdOf = async (userId: string) => {
    const rows = await world.query<{ id: string }>(`select id from sessions where user_id = $1 order by id`, [userId]);
    return String((rows.length > 2 ? rows.at(-1) : rows[0])?.id);
  };

  /** Leaves a revocation that Postgres could not take: its caller was told that it is pending. */
  const leavePending = async (revoking: (own: CreatedSession) => Promise<unknown>) => {
    const { userId, own, other } = await signInTwice();
    proxy.refuse();
    try {
      await expect(revoking(own)).rejects.toMatchObject({
        code: 'SESSION_REVOCATION_INCOMPLETE',
        pending: 'postgres',
      });
    } finally {
      proxy.accept();
    }
    return { userId, own, other };
  };

  it.each([
    ['revoke', (own: CreatedSession) => service.revoke(own.session.id)],
    ['revokeAll', (own: CreatedSession) => service.revokeAll(own.session.userId ?? '')],
  ])(
    'kept revocations (%s) lost before or between any two steps of the sweep: done, or to be made again',
    async (_name, revoking) => {
      const endings: string[] = [];
      for (let step = 0, isReached = true; isReached; step += 1) {
        const { userId, own, other } = await leavePending(revoking);
        const lose = () => redis.del('nest-sessions:revocations');
        if (step === 0) await lose();
        ({ isReached } = await losingAt(step, lose, () => sweeper.sweep()));
        isReached ||= step === 0;
        const ending = await tryToken(own.token, { service });
        endings.push(ending);
        // Its caller knows that it was incomplete. Repeated, it is complete.
        await revoking(own);
        await expectNothingElseLost(userId, { live: [], over: [own.token] }, { other });
      }
      // Once the revocation is listed, its loss does no harm.
      const unlisted = endings.lastIndexOf('live') + 1;
      expect(unlisted).toBe(STEPS_UNTIL_LISTED);
      expect(new Set(endings.slice(unlisted))).toEqual(new Set(['absent']));
    },
  );

  it('after FLUSHALL every session authenticates, at the price of one fill, is listed and can be revoked', async () => {
    const userId = `user-${randomUUID()}`;
    const sessions: CreatedSession[] = [];
    for (let i = 0; i < 30; i += 1) sessions.push(await service.create({ userId, data: { visits: i } }));
    await redis.flushall();
    for (const { token } of sessions) {
      const first = await stepsOf(() => service.authenticate(token));
      expect(first.filter((step) => step === 'after find')).toHaveLength(2);
      expect(await stepsOf(() => service.authenticate(token))).toEqual(['before read', 'after read']);
      expect(await dataOf(token)).toEqual({});
    }
    await redis.flushall();
    const listed = await service.listByUser(userId);
    expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(sessions.map(({ session }) => session.id)));
    await redis.flushall();
    const [first, ...others] = sessions;
    if (!first) throw new Error('nobody is signed in');
    expect(await service.revokeOthers(first.session)).toHaveLength(29);
    for (const { token } of others) expect(await tryToken(token, { service })).toBe('absent');
    await redis.flushall();
    expect(await service.revoke(first.session.id)).toBe(true);
    expect(await tryToken(first.token, { service })).toBe('absent');
  });
});
