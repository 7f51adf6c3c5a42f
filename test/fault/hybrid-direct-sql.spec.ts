import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { hybridStore, type HybridSessionStore } from 'nest-sessions/hybrid';
import type { CreatedSession, SessionService } from 'nest-sessions';
import { CircuitBreaker } from '#src/stores/hybrid/sides/circuit-breaker.js';
import { assembleHybrid } from '#src/stores/hybrid/store/assemble-hybrid.js';
import { postgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable.js';
import { redisHotSessions } from '#src/stores/redis/hot/redis-hot.js';
import { PostgresWorld } from '../integration/postgres/world.js';
import { waitUntil } from '../support/poll.js';
import { startRedisServer, type RedisServer } from 'local-servers/testing';
import { keyOf, serviceOn } from './fault-world.js';
import { tryToken } from './hybrid-operations.js';

/** Operators, retention jobs and `ON DELETE CASCADE` do not know Redis. */
describe('sessions that end by direct SQL', () => {
  let server: RedisServer;
  let redis: Redis;
  let world: PostgresWorld;
  let instances: { store: HybridSessionStore; service: SessionService }[];

  beforeAll(async () => {
    [server, world] = await Promise.all([startRedisServer(), PostgresWorld.open({ migrate: false })]);
    redis = new Redis(server.url);
    redis.on('error', () => undefined);
    await world.admin.query(`create table ${world.schema}.users (id text primary key)`);
    await world.migrate({ hotChanges: true, users: { table: 'users', column: 'id', schema: world.schema } });
    // With the intervals that an application gets by default, and no reconciling to help.
    const open = async () => {
      const store = (await hybridStore({
        redis: { url: server.url, operationTimeout: '2s' },
        postgres: { url: world.url, schema: world.schema, operationTimeout: '5s' },
        reconcileInterval: false,
      }).create(world.context())) as HybridSessionStore;
      await store.start();
      return { store, service: serviceOn(store) };
    };
    instances = [await open(), await open()];
  });
  afterAll(async () => {
    await Promise.all((instances ?? []).map(({ store }) => store.stop()));
    redis?.disconnect();
    await server?.stop();
    await world?.close();
  });

  /** Resolves after a whole sweep that began after this call. */
  const sweep = async () => {
    const breaker = (name: string) => new CircuitBreaker({ name, threshold: 1, periodMs: 1_000 });
    const context = world.context();
    const { store, sweeper } = assembleHybrid({
      hot: redisHotSessions({ url: server.url, operationTimeout: '2s' }).create(context),
      durable: postgresDurableSessions({ url: world.url, schema: world.schema, operationTimeout: '5s' }).create(
        context,
      ),
      hotBreaker: breaker('redis'),
      durableBreaker: breaker('postgres'),
      durableKeys: [],
      logger: context.logger,
      sweepIntervalMs: 3_600_000,
      reconcileIntervalMs: false,
    });
    await store.start();
    try {
      await sweeper.sweep();
    } finally {
      await store.stop();
    }
  };

  const newUser = async () => {
    const id = `user-${randomUUID()}`;
    await world.admin.query(`insert into ${world.schema}.users values ($1)`, [id]);
    return id;
  };

  /** Creates a session for which Redis alone answers. */
  const signIn = async (userId: string) => {
    const created = await instances[0]?.service.create({ userId, data: { visits: 1 } });
    if (!created) throw new Error('there is no instance');
    expect(await answers(created)).toEqual(['live', 'live']);
    expect(await hasCopy(created)).toBe(true);
    return created;
  };

  const answers = ({ token }: CreatedSession) => Promise.all(instances.map((instance) => tryToken(token, instance)));

  const hasCopy = async ({ session }: CreatedSession) => (await redis.hexists(keyOf(session.id), session.id)) === 1;

  const expectEnded = async (created: CreatedSession) => {
    await waitUntil('the hot copy is gone', async () => !(await hasCopy(created)));
    expect(await answers(created)).toEqual(['absent', 'absent']);
  };

  it.each([
    ['a deleted row', `delete from sessions where id = $1`],
    ['a row that somebody ended', `update sessions set ended_at = now(), end_reason = 'admin' where id = $1`],
  ])('%s ends its hot copy, and no other', async (_what, sql) => {
    const userId = await newUser();
    const [gone, other] = [await signIn(userId), await signIn(userId)];
    await world.query(sql, [gone.session.id]);
    await expectEnded(gone);
    expect(await answers(other)).toEqual(['live', 'live']);
    expect((await instances[1]?.service.listByUser(userId))?.map(({ id }) => id)).toEqual([other.session.id]);
  });

  it('all rows of a user that are deleted at once end all of its hot copies', async () => {
    const userId = await newUser();
    const sessions = await Promise.all(Array.from({ length: 20 }, () => signIn(userId)));
    await world.query(`delete from sessions where user_id = $1`, [userId]);
    for (const session of sessions) await expectEnded(session);
  });

  it('a deleted user ends the hot copies of all its sessions (ON DELETE CASCADE), and nobody else’s', async () => {
    const [userId, neighbour] = [await newUser(), await newUser()];
    const sessions = [await signIn(userId), await signIn(userId), await signIn(userId)];
    const other = await signIn(neighbour);
    await world.admin.query(`delete from ${world.schema}.users where id = $1`, [userId]);
    for (const session of sessions) await expectEnded(session);
    expect(await answers(other)).toEqual(['live', 'live']);
  });

  it('a user deleted in a transaction that is rolled back keeps its sessions', async () => {
    const userId = await newUser();
    const session = await signIn(userId);
    const runner = world.admin.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`delete from ${world.schema}.users where id = $1`, [userId]);
    await runner.rollbackTransaction();
    await runner.release();
    await sweep();
    expect(await answers(session)).toEqual(['live', 'live']);
    expect(await hasCopy(session)).toBe(true);
  });

  it('a user deleted while Redis hangs is gone when it answers again', async () => {
    const userId = await newUser();
    const session = await signIn(userId);
    server.kill('SIGSTOP');
    try {
      await world.admin.query(`delete from ${world.schema}.users where id = $1`, [userId]);
      expect(await answers(session)).toEqual(['absent', 'absent']);
    } finally {
      server.kill('SIGCONT');
    }
    await expectEnded(session);
  });
});
