import { describe, expect, it } from '@jest/globals';
import { SessionArgumentError, SessionStoreUnavailableError } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { aNewSession } from 'nest-sessions/testing';
import { poolOf, readUpdateCounters, recordQueries } from './probes.js';
import { type PostgresWorld, usePostgresWorld } from './world.js';
import { HOUR_MS, MINUTE_MS } from '#src/testing/world/durations.js';

let world: PostgresWorld;
usePostgresWorld((opened) => (world = opened));

async function createMany(store: SessionStore, count: number, userId: string | null = null): Promise<string[]> {
  const sessions = Array.from({ length: count }, () => aNewSession({ userId }));
  await Promise.all(sessions.map((session) => store.create(session)));
  return sessions.map(({ id }) => id);
}

describe('lookups', () => {
  it('of one turn of the event loop share one statement, a lone one goes alone', async () => {
    const dataSource = await world.openDataSource();
    const store = await world.openStore({ dataSource });
    const ids = await createMany(store, 20);
    const sent = recordQueries(dataSource);
    const unknown = aNewSession().id;
    const found = await Promise.all([...ids, unknown, ...ids].map((id) => store.find(id)));
    expect(found.map((one) => (one.live ? one.record.id : one.reason))).toEqual([...ids, 'unknown', ...ids]);
    expect(sent.map(({ name }) => name)).toEqual([expect.stringMatching(/^nest-sessions-find-many-/)]);
    await store.find(unknown);
    expect(sent.slice(1).map(({ name }) => name)).toEqual([expect.stringMatching(/^nest-sessions-find-[0-9a-f]+$/)]);
  });

  it('are not mixed up by an id that is none, and it never reaches the server', async () => {
    const dataSource = await world.openDataSource();
    const store = await world.openStore({ dataSource });
    const [id = ''] = await createMany(store, 1);
    const sent = recordQueries(dataSource);
    const found = await Promise.all([store.find(`${id}x`), store.find(id), store.find(id.toUpperCase())]);
    expect(found.map(({ live }) => live)).toEqual([false, true, false]);
    expect(await store.touch({ id: 'x', idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 })).toBe(false);
    expect(sent).toHaveLength(1);
  });

  it('that fail together fail alone: those before and after are answered', async () => {
    const store = await world.openStore();
    const ids = await createMany(store, 5);
    const lookUp = () => Promise.allSettled(ids.map((id) => store.find(id)));
    expect((await lookUp()).map(({ status }) => status)).toEqual(ids.map(() => 'fulfilled'));
    await world.withoutTable(async () => {
      for (const outcome of await lookUp()) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(SessionStoreUnavailableError) });
        expect(String((outcome as PromiseRejectedResult).reason)).toContain(
          'run the migrations of sessionMigrations()',
        );
      }
    });
    expect((await lookUp()).map(({ status }) => status)).toEqual(ids.map(() => 'fulfilled'));
  });

  it.each([
    ['infinity', `absolute_expires_at = 'infinity', expires_at = 'infinity'`],
    ['-infinity', `created_at = '-infinity', last_seen_at = '-infinity', authenticated_at = '-infinity'`],
    ['a year that no Date can say', `absolute_expires_at = '294000-01-01', created_at = '4000-01-01 BC'`],
  ])('of others and of its own session are answered when somebody put %s into a row', async (_name, assignments) => {
    const store = await world.openStore();
    const sessions = [aNewSession({ userId: 'forever' }), aNewSession({ userId: 'forever' })];
    for (const session of sessions) await store.create(session);
    const [odd, plain] = sessions.map(({ id }) => id);
    await world.query(`update sessions set ${assignments} where id = $1`, [odd]);
    const found = await Promise.all(sessions.map(({ id }) => store.find(id)));
    for (const one of found) {
      expect(one).toMatchObject({ live: true });
      const instants = one.live ? Object.values(one.record).filter((value) => value instanceof Date) : [];
      expect(instants.length).toBeGreaterThanOrEqual(4);
      for (const instant of instants) expect(instant.toISOString()).toMatch(/^[1-9]\d{3}-/);
    }
    expect((await store.listByUser({ userId: 'forever' })).records).toHaveLength(2);
    const touched = [odd, plain].map((id = '') => store.touch({ id, idleTimeoutMs: 3_600_000, touchIntervalMs: 0 }));
    expect(await Promise.all(touched)).toEqual([true, true]);
    expect(await store.update({ id: odd ?? '', expectedVersion: 1, data: {} })).toMatchObject({ applied: true });
    const revoked = await store.revokeAll({ userId: 'forever', reason: 'logout', endedBy: null });
    expect(revoked.map(({ endedAt }) => endedAt.getFullYear() > 2000)).toEqual([true, true]);
  });

  it('are prepared on the server, unless a pooler forbids it', async () => {
    const names: string[][] = [];
    for (const preparedStatements of [true, false]) {
      const dataSource = await world.openDataSource({ poolSize: 1 });
      const store = await world.openStore({ dataSource, preparedStatements });
      const [id = ''] = await createMany(store, 1, 'ada');
      expect(await store.find(id)).toMatchObject({ live: true });
      await store.create(aNewSession({ userId: 'ada', limit: { max: 5, onLimit: 'reject' } }));
      await store.revokeAll({ userId: 'ada', reason: 'logout', endedBy: null });
      const prepared = await dataSource.query<{ name: string }[]>('select name from pg_prepared_statements order by 1');
      names.push(prepared.map(({ name }) => name.replace(/-[0-9a-f]{12}$/, '')));
    }
    const operations = ['catalogue', 'create', 'create-limited', 'find', 'revoke-all'];
    expect(names).toEqual([operations.map((operation) => `nest-sessions-${operation}`), []]);
  });

  it('see what another instance has just committed, whatever replica the DataSource may have (laravel/framework#22164)', async () => {
    const replication = { master: { url: world.url }, slaves: [{ url: world.url }] };
    const dataSource = await world.openDataSource({ replication });
    const { slaves } = dataSource.driver as unknown as { slaves: { connect(): Promise<never> }[] };
    for (const slave of slaves) slave.connect = () => Promise.reject(new Error('a replica was asked'));
    const store = await world.openStore({ dataSource });
    const [id = ''] = await createMany(await world.openStore(), 1, 'eve');
    expect(await store.find(id)).toMatchObject({ live: true });
    expect((await store.listByUser({ userId: 'eve' })).records).toHaveLength(1);
  });
});

describe('touches', () => {
  it('cause one write for 1000 requests of one touch interval on two instances', async () => {
    const applicationName = `${world.schema}_requests`;
    const { id } = aNewSession();
    await world.query(
      `insert into sessions (id, token_hash, created_at, last_seen_at, expires_at, absolute_expires_at, purge_after)
      select $1, decode(repeat('00', 32), 'hex'), now(), now() - '2m'::interval, now() + '1h', now() + '1d', now() + '2h'`,
      [id],
    );
    const before = await readUpdateCounters(world, { applicationName });
    const dataSources = await Promise.all([1, 2].map(() => world.openDataSource({ applicationName })));
    const stores = await Promise.all(dataSources.map((dataSource) => world.openStore({ dataSource })));
    const requests = Array.from({ length: 1000 }, async (_, index) => {
      const store = stores[index % 2];
      return store?.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: MINUTE_MS });
    });
    await Promise.all(stores.map((store) => store.flush()));
    expect(await Promise.all(requests)).toContain(true);
    await Promise.all(dataSources.map((dataSource) => dataSource.destroy()));
    const after = await readUpdateCounters(world, { applicationName });
    expect(after.updated - before.updated).toBe(1);
  });

  it('are HOT: after 10,000 of them more than nine in ten wrote to no index (spring-projects/spring-session#1280)', async () => {
    await world.inOwnDatabase(async (alone) => {
      const applicationName = `${alone.schema}_hot`;
      const dataSource = await alone.openDataSource({ applicationName });
      const store = await alone.openStore({ dataSource });
      const sessions = Array.from({ length: 500 }, () => aNewSession({ userId: 'hot', idleTimeoutMs: HOUR_MS }));
      await Promise.all(sessions.map((session) => store.create(session)));
      for (let round = 0; round < 20; round++) {
        const moved = sessions.map(({ id }) => store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }));
        await store.flush();
        expect((await Promise.all(moved)).every(Boolean)).toBe(true);
      }
      await dataSource.destroy();
      const { updated, hot } = await readUpdateCounters(alone, { applicationName });
      expect(updated).toBe(10_000);
      expect(hot / updated).toBeGreaterThan(0.9);
    });
  });

  it('of overlapping sessions, flushed by two instances 250 times, never deadlock (spring-projects/spring-session#1280)', async () => {
    const dataSources = [await world.openDataSource(), await world.openDataSource()];
    const stores = await Promise.all(dataSources.map((dataSource) => world.openStore({ dataSource })));
    const ids = await createMany(await world.openStore(), 60, 'crowd');
    const sent = dataSources.map((dataSource) => recordQueries(dataSource));
    await Promise.all(
      stores.map(async (store, instance) => {
        for (let round = 0; round < 250; round++) {
          // Each instance in an order of its own: the statement has to put it right.
          const order = instance === 0 ? ids : ids.toReversed();
          const moved = order.map((id) => store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }));
          await store.flush();
          await Promise.all(moved);
        }
      }),
    );
    expect(sent.flat().length).toBeGreaterThanOrEqual(500);
    expect(sent.flat().filter(({ error }) => error !== undefined)).toEqual([]);
  });

  it('go out at once when the session would expire before the next flush', async () => {
    const store = await world.openStore({ touchFlushInterval: '10m' });
    const session = aNewSession({ idleTimeoutMs: MINUTE_MS });
    await store.create(session);
    expect(await store.find(session.id)).toMatchObject({ live: true });
    expect(await store.touch({ id: session.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 })).toBe(true);
    const found = await store.find(session.id);
    expect(found.live && found.record.expiresAt.getTime() - found.now.getTime()).toBeGreaterThan(HOUR_MS / 2);
  });

  it('are dated by when they were asked for, not by when they were written', async () => {
    const store = await world.openStore({ touchFlushInterval: '10m' });
    const session = aNewSession();
    await store.create(session);
    const { now: askedAt } = await store.listByUser({ userId: 'nobody' });
    const moved = store.touch({ id: session.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
    await world.query('select pg_sleep(0.3)');
    await store.flush();
    expect(await moved).toBe(true);
    const found = await store.find(session.id);
    const lastSeenAtMs = found.live ? found.record.lastSeenAt.getTime() : Number.NaN;
    expect(Math.abs(lastSeenAtMs - askedAt.getTime())).toBeLessThan(100);
  });

  it('are written by a flush and by a stop, and nothing but their session is lost when they cannot be', async () => {
    const store = await world.openStore({ touchFlushInterval: '10m' });
    const ids = await createMany(store, 3);
    const touchAll = () => ids.map((id) => store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }));
    const lost = Promise.allSettled(touchAll());
    await world.withoutTable(() => store.flush());
    for (const outcome of await lost) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(SessionStoreUnavailableError) });
    }
    expect(
      world.logged.filter((line) => line.includes('the activity of 3 sessions could not be written')),
    ).toHaveLength(1);
    const written = touchAll();
    await store.stop();
    expect(await Promise.all(written)).toEqual([true, true, true]);
  });
});

function refused(error: unknown): 'refused' {
  if (error instanceof SessionArgumentError) return 'refused';
  throw error;
}

describe('a small pool', () => {
  it.each([1, 2])(
    'of %i serves 500 operations at once, failing ones among them (typeorm/typeorm#4866)',
    async (pool) => {
      const dataSource = await world.openDataSource({ poolSize: pool });
      const store = await world.openStore({ dataSource, operationTimeout: '30s' });
      const ids = await createMany(store, 50, 'busy');
      const taken = aNewSession({ id: ids[0] });
      const limit = { max: 40, onLimit: 'revoke-oldest' } as const;
      const operations = Array.from({ length: 500 }, async (_, index) => {
        const id = ids[index % ids.length] ?? '';
        switch (index % 10) {
          case 0:
            return store.create(aNewSession({ userId: 'limited', limit }));
          case 1:
            return store.update({ id, expectedVersion: 1, data: { index } });
          case 2:
            return store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
          case 3:
            return store.revoke({ id, userId: 'somebody else', reason: 'logout', endedBy: null });
          case 4:
            return store.listByUser({ userId: 'busy' });
          case 5:
            return store.create(taken);
          case 6:
            return store.create(aNewSession({ userAgent: 'a\0b' })).catch(refused);
          case 7:
            return store.create(aNewSession({ userId: 'limited', limit, device: 'a\0b' })).catch(refused);
          case 8:
            return store.cleanUp({ batchSize: 10 });
          default:
            return store.find(id);
        }
      });
      const outcomes = await Promise.all(operations);
      expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(100);
      expect((await store.listByUser({ userId: 'limited' })).records).toHaveLength(40);
      expect(poolOf(dataSource)).toMatchObject({ totalCount: pool, idleCount: pool, waitingCount: 0 });
    },
  );
});
