import { describe, expect, it } from '@jest/globals';
import { getDataSourceToken } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { SessionArgumentError, SessionConfigurationError, SessionStoreUnavailableError } from 'nest-sessions';
import { postgresStore } from 'nest-sessions/postgres';
import { aNewSession } from 'nest-sessions/testing';
import { until } from './probes.js';
import { PostgresWorld, usePostgresWorld } from './world.js';

describe('the Postgres store at boot', () => {
  let world: PostgresWorld;
  usePostgresWorld((opened) => (world = opened));

  it('names the DataSource that Nest must inject as @nestjs/typeorm does', () => {
    expect(postgresStore().inject).toEqual([getDataSourceToken()]);
    expect(postgresStore({ dataSource: 'default' }).inject).toEqual([getDataSourceToken('default')]);
    expect(postgresStore({ dataSource: 'reports' }).inject).toEqual([getDataSourceToken('reports')]);
    expect(postgresStore({ dataSource: world.admin }).inject).toEqual([]);
    expect(postgresStore({ url: world.url }).inject).toEqual([]);
  });

  it('uses the DataSource that was injected', async () => {
    const definition = postgresStore({ schema: world.schema });
    const store = await definition.create(world.context(), world.admin);
    await store.start();
    expect(await store.find(aNewSession().id)).toEqual({ live: false, reason: 'unknown' });
    await store.stop();
    expect(world.admin.isInitialized).toBe(true);
    await expect(store.find(aNewSession().id)).rejects.toThrow('it was stopped');
  });

  /** Connections to the server that the store opened in a database of its own, once those that are closing have gone. */
  const countConnections = async ({ admin }: PostgresWorld) => {
    const rows = await admin.query<unknown[]>(
      `select 1 from pg_stat_activity where application_name = 'nest-sessions' and datname = current_database()`,
    );
    return rows.length;
  };

  it('opens and closes a DataSource of its own', async () => {
    await world.inOwnDatabase(async (own) => {
      const store = await own.startStore({ url: own.url, schema: own.schema, poolSize: 2 });
      const session = aNewSession({ userId: 'ada' });
      await store.create(session);
      expect(await store.find(session.id)).toMatchObject({ live: true });
      expect(await countConnections(own)).toBe(1);
      await store.stop();
      await store.stop();
      while ((await countConnections(own)) > 0) await own.admin.query('select 1');
    });
  });

  it('opens one DataSource for starts at the same time, and none is left when it is stopped meanwhile', async () => {
    await world.inOwnDatabase(async (own) => {
      const make = async () => postgresStore({ url: own.url, schema: own.schema }).create(own.context());
      const store = await make();
      await Promise.all([store.start(), store.start(), store.start()]);
      expect(await countConnections(own)).toBe(1);
      await store.start();
      expect(await countConnections(own)).toBe(1);
      await store.stop();

      const stopped = await make();
      const starting = stopped.start().catch((error: unknown) => error);
      await Promise.all([stopped.stop(), stopped.stop()]);
      expect(await starting).toBeInstanceOf(SessionStoreUnavailableError);
      await expect(stopped.start()).rejects.toThrow('it was stopped');
      await until(async () => (await countConnections(own)) === 0);
    });
  });

  it('may be started again when Postgres did not answer', async () => {
    await world.withoutTable(async () => {
      const store = await postgresStore({ dataSource: world.admin, schema: world.schema }).create(world.context());
      await expect(store.start()).rejects.toThrow(SessionConfigurationError);
      await world.admin.query(`alter table ${world.schema}.hidden rename to sessions`);
      await store.start();
      await store.stop();
      await world.query('alter table sessions rename to hidden');
    });
  });

  const refusal = async (options: Parameters<typeof world.startStore>[0]): Promise<unknown> =>
    world.startStore(options).then(
      () => undefined,
      (error: unknown) => error,
    );

  it('names the table that is missing and what to do (typeorm/typeorm#4588)', async () => {
    const error = await refusal({ dataSource: world.admin, schema: world.schema, table: 'logins' });
    expect(error).toBeInstanceOf(SessionConfigurationError);
    expect(String(error)).toContain(`postgresStore.table "${world.schema}"."logins" does not exist`);
    expect(String(error)).toContain('sessionMigrations({ userIdType })');
    const audit = await refusal({ dataSource: world.admin, schema: world.schema, auditTable: 'log' });
    expect(String(audit)).toContain(`postgresStore.auditTable "${world.schema}"."log" does not exist`);
  });

  it('names the column that is missing or of another type', async () => {
    await world.query('alter table sessions rename column device to gadget');
    expect(String(await refusal({ dataSource: world.admin, schema: world.schema }))).toContain('no column "device"');
    await world.query('alter table sessions rename column gadget to device');
    await world.query('alter table session_audit alter column at type timestamp');
    expect(String(await refusal({ dataSource: world.admin, schema: world.schema }))).toContain(
      'column "at" must be timestamp with time zone, but is timestamp without time zone',
    );
    await world.query('alter table session_audit alter column at type timestamptz');
    const error = await refusal({ dataSource: world.admin, schema: world.schema, userIdType: 'uuid' });
    expect(String(error)).toContain('postgresStore.userIdType must be the type of the column "user_id": that is text');
  });

  it('refuses what is no initialized Postgres DataSource', async () => {
    const closed = new DataSource({ type: 'postgres', url: world.url });
    expect(String(await refusal({ dataSource: closed }))).toContain('is not initialized');
    const other = new DataSource({ type: 'cockroachdb', url: world.url, timeTravelQueries: false });
    expect(String(await refusal({ dataSource: other }))).toContain('must be of type "postgres"');
    const nothing = await postgresStore({ dataSource: 'reports' }).create(world.context(), undefined);
    await expect(nothing.start()).rejects.toThrow('postgresStore.dataSource must be a TypeORM DataSource');
  });

  it('tells a server that does not answer from one that refuses', async () => {
    const unreachable = await refusal({ url: 'postgres://127.0.0.1:9/test' });
    expect(unreachable).toBeInstanceOf(SessionStoreUnavailableError);
    expect(String(unreachable)).toContain('ECONNREFUSED');
    const url = new URL(world.url);
    url.pathname = '/no_such_database';
    const refused = await refusal({ url: url.href });
    expect(refused).toBeInstanceOf(SessionConfigurationError);
    expect(String(refused)).toContain('postgresStore.url is refused');
  });

  it.each([
    [{ url: 'mysql://x' }, 'postgresStore.url must start with'],
    [{ url: 'postgres://x', listenUrl: 'http://x' }, 'postgresStore.listenUrl must start with'],
    [{ url: 'postgres://x', poolSize: 0 }, 'postgresStore.poolSize must be'],
    [{ url: 'postgres://x', dataSource: 'x' }, 'postgresStore takes either url or dataSource'],
    [{ operationTimeout: '2' }, 'postgresStore.operationTimeout must be'],
    [{ touchFlushInterval: '0s' }, 'postgresStore.touchFlushInterval must be'],
    [{ cleanUpTimeout: '2h' }, 'postgresStore.cleanUpTimeout must be at most 1h'],
    [{ userIdType: 'int' }, 'postgresStore.userIdType must be one of'],
  ])('refuses the options %j', (options, message) => {
    expect(() => postgresStore(options as Parameters<typeof postgresStore>[0])).toThrow(message);
  });
});

describe('the type of user ids', () => {
  const CASES = {
    bigint: {
      good: ['0', '1', '-1', '9223372036854775807', '-9223372036854775808'],
      bad: [
        '',
        '01',
        '+1',
        ' 1',
        '1.0',
        '1e3',
        'x',
        '9223372036854775808',
        '-9223372036854775809',
        '-0',
        '12345678901234567890',
      ],
    },
    uuid: {
      good: ['0b8f3f1e-7c39-4f0e-9d2b-0c6a4a1b2c3d'],
      bad: [
        '0B8F3F1E-7C39-4F0E-9D2B-0C6A4A1B2C3D',
        '0b8f3f1e7c394f0e9d2b0c6a4a1b2c3d',
        '{0b8f3f1e-7c39-4f0e-9d2b-0c6a4a1b2c3d}',
        '1',
      ],
    },
    text: { good: ['ada', 'Ünï 🦊', `'; drop table sessions; --`, '\\x00'], bad: ['', 'a\0b'] },
  } as const;

  it.each(['bigint', 'uuid', 'text'] as const)(
    '%s is read from the table, kept as given, and checked',
    async (userIdType) => {
      const world = await PostgresWorld.open({ userIdType });
      try {
        const store = await world.openStore();
        for (const userId of CASES[userIdType].good) {
          const session = aNewSession({ userId, limit: { max: 3, onLimit: 'revoke-oldest' } });
          await store.create(session);
          const { records } = await store.listByUser({ userId });
          expect(records.map((record) => record.userId)).toEqual([userId]);
          expect(await store.revoke({ id: session.id, userId, reason: 'logout', endedBy: userId })).toMatchObject({
            userId,
          });
          expect(await store.revokeAll({ userId, reason: 'logout', endedBy: null })).toEqual([]);
        }
        const end = { reason: 'logout', endedBy: null } as const;
        for (const userId of CASES[userIdType].bad) {
          await expect(store.create(aNewSession({ userId }))).rejects.toThrow(SessionArgumentError);
          await expect(store.listByUser({ userId })).rejects.toThrow(SessionArgumentError);
          await expect(store.revokeAll({ userId, ...end })).rejects.toThrow(SessionArgumentError);
          await expect(store.revoke({ id: aNewSession().id, userId, ...end })).rejects.toThrow(SessionArgumentError);
        }
      } finally {
        await world.close();
      }
    },
  );
});
