import { beforeAll, describe, expect, it } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { SessionStoreUnavailableError } from 'nest-sessions';
import { aNewSession } from 'nest-sessions/testing';
import { Gate } from '../../support/barrier.js';
import { poolOf, recordQueries, until } from './probes.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { type PostgresWorld, usePostgresWorld } from './world.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

let world: PostgresWorld;
let holder: DataSource;
usePostgresWorld((opened) => (world = opened));
beforeAll(async () => {
  holder = await world.openDataSource({ poolSize: 1 });
});

/** Lets nobody write to the sessions' table, or with `access exclusive` read it either, while the work is done. */
async function whileLocked(mode: 'share' | 'access exclusive', work: () => Promise<void>): Promise<void> {
  await holder.transaction(async (manager) => {
    await manager.query(`lock table ${world.schema}.sessions in ${mode} mode`);
    await work();
  });
}

const countWaiting = async (applicationName: string) => {
  const rows = await world.query<unknown>(
    `select 1 from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'`,
    [applicationName],
  );
  return rows.length;
};

async function openProxy() {
  const url = new URL(world.url);
  const proxy = await TcpProxy.open(Number(url.port));
  url.port = String(proxy.port);
  return { proxy, url: url.href };
}

describe('connections that the server ends', () => {
  it('cost nothing when they were idle: the next operations use new ones', async () => {
    const applicationName = `${world.schema}_idle`;
    const dataSource = await world.openDataSource({ applicationName, poolSize: 5, poolErrorHandler: () => undefined });
    const store = await world.openStore({ dataSource });
    const session = aNewSession({ userId: 'ada' });
    await store.create(session);
    for (let round = 0; round < 20; round++) {
      await world.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
        applicationName,
      ]);
      // Without waiting until the pool has noticed: reads are sent once more.
      expect(await store.find(session.id)).toMatchObject({ live: true });
      expect((await store.listByUser({ userId: 'ada' })).records).toHaveLength(1);
    }
  });

  it('fail what was under way as unavailable, never as absent, and nothing afterwards (typeorm/typeorm#4866)', async () => {
    const applicationName = `${world.schema}_busy`;
    const dataSource = await world.openDataSource({ applicationName, poolSize: 5, poolErrorHandler: () => undefined });
    const store = await world.openStore({ dataSource });
    const sessions = Array.from({ length: 40 }, () => aNewSession({ userId: 'bob' }));
    await Promise.all(sessions.map((session) => store.create(session)));
    let outcomes: PromiseSettledResult<unknown>[] = [];
    await whileLocked('access exclusive', async () => {
      const underWay = Promise.allSettled(
        sessions.flatMap(({ id }) => [store.find(id), store.update({ id, expectedVersion: 1, data: { late: true } })]),
      );
      await until(async () => (await countWaiting(applicationName)) === 5);
      await world.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
        applicationName,
      ]);
      await until(async () => (await countWaiting(applicationName)) > 0);
      void underWay.then((settled) => (outcomes = settled));
    });
    await until(async () => outcomes.length === 80);
    const failed = outcomes.filter(({ status }) => status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const outcome of failed) expect(outcome).toMatchObject({ reason: expect.any(SessionStoreUnavailableError) });
    const answered = outcomes.filter(({ status }) => status === 'fulfilled');
    for (const outcome of answered) expect(outcome).toMatchObject({ value: { record: { userId: 'bob' } } });
    expect((await store.listByUser({ userId: 'bob' })).records).toHaveLength(40);
    expect(poolOf(dataSource)).toMatchObject({ waitingCount: 0 });
    expect(poolOf(dataSource).idleCount).toBe(poolOf(dataSource).totalCount);
  });
});

describe('a server that does not answer', () => {
  it('is unavailable once the deadline has passed, and answers again afterwards', async () => {
    const dataSource = await world.openDataSource({ poolSize: 2 });
    const session = aNewSession({ userId: 'eve' });
    await (await world.openStore()).create(session);
    const store = await world.openStore({ dataSource, operationTimeout: '150ms' });
    await whileLocked('access exclusive', async () => {
      const outcomes = await Promise.allSettled([
        store.find(session.id),
        store.listByUser({ userId: 'eve' }),
        store.update({ id: session.id, expectedVersion: 1, data: {} }),
        store.revoke({ id: session.id, reason: 'logout', endedBy: null }),
        store.create(aNewSession({ userId: 'eve', limit: { max: 2, onLimit: 'reject' } })),
      ]);
      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(SessionStoreUnavailableError) });
      }
    });
    await until(async () => {
      const found = await store.find(session.id).catch(() => undefined);
      return found !== undefined;
    });
    expect(poolOf(dataSource).waitingCount).toBe(0);
  });

  it('behind a network that swallows everything costs each operation its deadline, and then is found again', async () => {
    const { proxy, url } = await openProxy();
    const session = aNewSession({ userId: 'hole' });
    await (await world.openStore()).create(session);
    const store = await world.startStore({ url, schema: world.schema, poolSize: 2, operationTimeout: '200ms' });
    proxy.setFlow({ kind: 'drop' });
    const startedAtMs = performance.now();
    const lookups = Array.from({ length: 50 }, async () => {
      await setImmediate();
      return store.find(session.id);
    });
    const revocation = store.revoke({ id: session.id, reason: 'logout', endedBy: null });
    const outcomes = await Promise.allSettled([...lookups, revocation, store.listByUser({ userId: 'hole' })]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(SessionStoreUnavailableError) });
    }
    expect(performance.now() - startedAtMs).toBeLessThan(5000);
    // What was swallowed never comes: both connections have to be given up for new ones.
    proxy.setFlow({ kind: 'pass' });
    await until(async () => {
      const found = await store.find(session.id).catch(() => undefined);
      return found?.live === true;
    });
    await store.stop();
    await proxy.close();
  });

  it('is not asked for what was given up before a connection was free', async () => {
    const dataSource = await world.openDataSource({ poolSize: 1 });
    const store = await world.openStore({ dataSource, operationTimeout: '150ms' });
    const sent = recordQueries(dataSource);
    const client = dataSource.createQueryRunner();
    await client.connect();
    const userId = 'too late';
    const limit = { max: 5, onLimit: 'reject' } as const;
    const given = [aNewSession({ userId }), aNewSession({ userId, limit }), aNewSession({ userId, limit })];
    const outcomes = await Promise.allSettled(given.map((session) => store.create(session)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await client.release();
    expect((await (await world.openStore()).listByUser({ userId })).records).toEqual([]);
    await dataSource.destroy();
    expect(sent.filter(({ name }) => name?.includes('create'))).toEqual([]);
  });
});

describe('a session that is created after its caller was told that it was not', () => {
  const listEvents = async (id: string) =>
    world.query<{ event: string; reason: string | null }>(
      'select event, reason from session_audit where session_id = $1 order by id',
      [id],
    );

  it.each([
    ['once it is known', 1],
    ['though its connection was given up, and the server was still at it', 0],
  ])('is ended, %s', async (_case, connectionsLeft) => {
    const dataSource = await world.openDataSource({ poolSize: 1 });
    const store = await world.openStore({ dataSource, operationTimeout: '100ms' });
    const session = aNewSession({ userId: 'late' });
    await whileLocked('share', async () => {
      await expect(store.create(session)).rejects.toThrow('no answer within 100 ms');
      await until(async () => poolOf(dataSource).totalCount === connectionsLeft);
    });
    await until(async () => (await listEvents(session.id)).length === 2);
    expect(await listEvents(session.id)).toEqual([
      { event: 'session.created', reason: null },
      { event: 'session.ended', reason: 'revoked' },
    ]);
    expect((await store.listByUser({ userId: 'late' })).records).toEqual([]);
  });

  it('is ended, when the answer was lost with its connection', async () => {
    const { proxy, url } = await openProxy();
    const store = await world.startStore({ url, schema: world.schema, operationTimeout: '10s' });
    const session = aNewSession({ userId: 'lost' });
    proxy.setFlow({ kind: 'drop' }, 'toClient');
    const failed = store.create(session).catch((error: unknown) => error);
    await until(async () => (await listEvents(session.id)).length === 1);
    proxy.breakConnections();
    expect(await failed).toBeInstanceOf(SessionStoreUnavailableError);
    proxy.setFlow({ kind: 'pass' });
    await until(async () => (await listEvents(session.id)).length === 2);
    await store.stop();
    await proxy.close();
  });

  it('with a limit is rolled back instead', async () => {
    const applicationName = `${world.schema}_limited`;
    const dataSource = await world.openDataSource({ applicationName });
    const limit = { max: 1, onLimit: 'revoke-oldest' } as const;
    const first = aNewSession({ userId: 'limited', limit });
    await (await world.openStore()).create(first);
    const store = await world.openStore({ dataSource, operationTimeout: '100ms' });
    const second = aNewSession({ userId: 'limited', limit });
    await whileLocked('share', async () => {
      await expect(store.create(second)).rejects.toThrow(SessionStoreUnavailableError);
      await until(async () => (await countWaiting(applicationName)) === 0);
    });
    await dataSource.destroy();
    expect(await listEvents(second.id)).toEqual([]);
    expect(await (await world.openStore()).find(first.id)).toMatchObject({ live: true });
  });
});

describe('errors of Postgres', () => {
  it('never repeat a token hash, session data or a value', async () => {
    const store = await world.openStore();
    const secret = 'c0ffee'.repeat(10);
    await world.query(`alter table sessions add constraint nosy check (data->>'card' is null)`);
    const session = aNewSession({ data: { card: secret }, userAgent: 'a\0b' });
    for (const one of [session, { ...session, userAgent: null }]) {
      const error: unknown = await store.create(one).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      const chain = [error, (error as Error).cause].map((link) => [
        String(link),
        JSON.stringify(link),
        Object.values(link as object),
      ]);
      const text = JSON.stringify(chain);
      expect(text).toMatch(/SQLSTATE 2[23]/);
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(session.tokenHash).toString('hex'));
    }
    await world.query('alter table sessions drop constraint nosy');
  });

  it('that come from another transaction are tried again: a row changed meanwhile (40001)', async () => {
    const applicationName = `${world.schema}_serializable`;
    const extra = { options: '-c default_transaction_isolation=serializable' };
    const dataSource = await world.openDataSource({ applicationName, extra });
    const store = await world.openStore({ dataSource });
    const session = aNewSession({ userId: 'serial' });
    await store.create(session);
    const sent = recordQueries(dataSource);
    let touched: Promise<boolean> | undefined;
    await holder.transaction(async (manager) => {
      await manager.query(`update ${world.schema}.sessions set device = 'other' where id = $1`, [session.id]);
      touched = store.touch({ id: session.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
      void store.flush();
      await until(async () => (await countWaiting(applicationName)) === 1);
    });
    expect(await touched).toBe(true);
    expect(sent.map(({ error }) => error)).toEqual(['40001', undefined]);
  });

  it('that come from another transaction are tried again: a deadlock (40P01, typeorm/typeorm#2848)', async () => {
    const applicationName = `${world.schema}_deadlock`;
    const dataSource = await world.openDataSource({ applicationName });
    const store = await world.openStore({ dataSource, operationTimeout: '20s' });
    const sessions = [aNewSession({ userId: 'knot' }), aNewSession({ userId: 'knot' })];
    for (const session of sessions) await store.create(session);
    const [first, second] = sessions.map(({ id }) => id).toSorted((a, b) => (a < b ? -1 : 1));
    // Whoever is sent first when the deadlock is over may take the lock that both want: it shall be the holder.
    const holderWentOn = new Gate();
    const sent = recordQueries(dataSource, async (countBefore) => {
      if (countBefore > 0) await holderWentOn.pass();
    });
    let revoked: Promise<unknown[]> | undefined;
    await holder.transaction(async (manager) => {
      const lock = `select 1 from ${world.schema}.sessions where id = $1 for update`;
      // The store waits first and, after Postgres' default of a second, is the one who finds the deadlock.
      await manager.query(`set local deadlock_timeout = '20s'`);
      await manager.query(lock, [second]);
      revoked = store.revokeAll({ userId: 'knot', reason: 'logout', endedBy: null });
      await until(async () => (await countWaiting(applicationName)) === 1);
      await manager.query(lock, [first]);
      holderWentOn.open();
    });
    expect(await revoked).toHaveLength(2);
    expect(sent.map(({ error }) => error)).toEqual(['40P01', undefined]);
  });
});
