import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { SessionConfigurationError } from 'nest-sessions';
import { postgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable.js';
import { runMigrationsOnce, sessionMigrations } from 'nest-sessions/postgres';
import { aNewSession } from 'nest-sessions/testing';
import { BY_HAND, touch } from './scene.js';
import { type DurableWorld, useDurableWorld } from './world.js';

describe('the migration that records changes for hot copies', () => {
  let world: DurableWorld;
  useDurableWorld((opened) => (world = opened), { migrate: false });

  const listNames = async (schema: string) => {
    const rows = await world.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = $1
       union all select proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1
       union all select tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
         join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and not t.tgisinternal
       order by 1`,
      [schema],
    );
    return rows.map(({ name }) => name);
  };
  const plain = [
    'append_only',
    'migrations',
    'session_audit',
    'session_audit_append_only',
    'session_floors',
    'sessions',
  ];

  it('comes after the tables, may run on what is there, and is taken away without them', async () => {
    const { schema } = world.postgres;
    const migrations = sessionMigrations({ userIdType: 'bigint', hotChanges: true });
    expect(migrations.map((Migration) => new Migration().name)).toEqual([
      'CreateNestSessions1795392000000',
      'RecordNestSessionChanges1795392000001',
    ]);
    const dataSource = await world.postgres.openDataSource({ migrations });
    await dataSource.runMigrations();
    const all = await listNames(schema);
    expect(all).toEqual(
      expect.arrayContaining([...plain, 'session_hot_changes', 'hot_ended', 'session_hot_changes_row']),
    );
    await dataSource.query(`delete from ${schema}.migrations`);
    await dataSource.runMigrations();
    expect(await listNames(schema)).toEqual(all);
    await dataSource.undoLastMigration();
    expect(await listNames(schema)).toEqual(plain);
    const store = await world.postgres.openStore({ dataSource });
    const session = aNewSession({ userId: '7' });
    await store.create(session);
    expect(await store.revoke({ id: session.id, reason: 'logout', endedBy: null })).toMatchObject({ id: session.id });
    await dataSource.undoLastMigration();
    expect(await listNames(schema)).toEqual(['migrations']);
  });

  it('applies once when five first starts run it at the same time (typeorm/typeorm#4588)', async () => {
    const schema = `${world.postgres.schema}_five`;
    await world.postgres.admin.query(`create schema ${schema}`);
    const migrations = sessionMigrations({ userIdType: 'uuid', hotChanges: true });
    const dataSources = await Promise.all(
      Array.from({ length: 5 }, () => world.postgres.openDataSource({ schema, poolSize: 1, migrations })),
    );
    const ran = await Promise.all(dataSources.map((dataSource) => runMigrationsOnce(dataSource)));
    expect(ran.map((list) => list.length).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 2]);
    await world.postgres.admin.query(`drop schema ${schema} cascade`);
  });

  it('keeps the changes of differently named tables apart, in schemas of any name', async () => {
    const schema = `${world.postgres.schema} it's "odd"`;
    const quoted = `"${schema.replaceAll('"', '""')}"`;
    await world.postgres.admin.query(`create schema ${quoted}`);
    // The schema is only known by the search path, which is another one when the triggers fire.
    const migrations = ['Logins', 'visits'].flatMap((table) =>
      sessionMigrations({ table, userIdType: 'text', hotChanges: true }),
    );
    const dataSource = await world.postgres.openDataSource({
      schema: undefined,
      extra: { options: `-c search_path=${quoted.replaceAll(' ', '\\ ')}` },
      migrations,
      migrationsTableName: `migrations_${world.postgres.schema}`,
    });
    await dataSource.runMigrations();
    const row = `(id, token_hash, created_at, last_seen_at, expires_at, absolute_expires_at, purge_after)
      values (gen_random_uuid(), decode(repeat('00', 32), 'hex'), now(), now(), now(), now(), now())`;
    await world.query(`insert into ${quoted}."Logins" ${row}`);
    await world.query(`delete from ${quoted}."Logins"`);
    expect(await world.query(`select kind from ${quoted}."Logins_hot_changes"`)).toEqual([{ kind: 'ended' }]);
    expect(await world.query(`select kind from ${quoted}.visits_hot_changes`)).toEqual([]);
    await world.postgres.admin.query(`drop schema ${quoted} cascade`);
  });

  it('is asked for by name at boot when it did not run, or when a part of it is gone', async () => {
    await world.postgres.migrate();
    const boot = () => world.openSide().then(() => undefined, String);
    expect(await boot()).toContain(`"session_hot_changes" does not exist; run the migrations of sessionMigrations({`);
    await world.postgres.migrate({ hotChanges: true });
    expect(await boot()).toBeUndefined();
    await world.query('alter table sessions disable trigger hot_deleted');
    expect(await boot()).toContain('has no enabled trigger "hot_deleted"');
    await world.query('drop trigger hot_deleted on sessions');
    expect(await boot()).toContain('has no enabled trigger "hot_deleted"');
    await world.query('alter table sessions drop column hot_data_version');
    expect(await boot()).toContain('has no column "hot_data_version"');
    await world.query('drop table sessions');
    expect(await boot()).toContain('"sessions" does not exist');
  });

  it('needs a margin of ten flushes', () => {
    const make = () =>
      postgresDurableSessions({ url: world.postgres.url, touchFlushInterval: '2s', expiryMargin: '19s' }).create(
        world.postgres.context(),
      );
    expect(make).toThrow(SessionConfigurationError);
    expect(make).toThrow('postgresStore.expiryMargin must be at least ten times touchFlushInterval');
  });
});

describe('the price of recording changes', () => {
  let world: DurableWorld;
  useDurableWorld((opened) => (world = opened), { migrate: false });

  it('is not paid by touches: they stay HOT and call no function', async () => {
    const name = `hot_${world.postgres.schema}`;
    await world.query(`create database ${name}`);
    await world.query(`alter database ${name} set track_functions = 'pl'`);
    const url = new URL(world.postgres.url);
    url.pathname = `/${name}`;
    const options = { type: 'postgres', url: url.href, poolSize: 2 } as const;
    const migrations = sessionMigrations({ userIdType: 'text', hotChanges: true });
    const owner = await new DataSource({ ...options, migrations }).initialize();
    await owner.runMigrations();
    await owner.destroy();
    const side = postgresDurableSessions({ url: url.href }).create(world.postgres.context());
    await side.start();
    const sessions = Array.from({ length: 200 }, () => aNewSession({ userId: 'hot' }));
    await Promise.all(sessions.map((session) => side.create(session)));
    // The first rounds spread the rows over pages with room for new versions; those updates are not HOT.
    const rounds = 50;
    for (let round = 0; round < rounds; round++) {
      const touched = sessions.map(({ id }) => touch(side, id));
      await side.flush();
      expect((await Promise.all(touched)).every(Boolean)).toBe(true);
    }
    await side.revokeAll({ userId: 'hot', exceptId: sessions[0]?.id, ...BY_HAND });
    await side.stop();
    const probe = await new DataSource(options).initialize();
    const readCounters = () =>
      probe.query<{ updated: number; hot: number; calls: number }[]>(
        `select n_tup_upd::int as updated, n_tup_hot_upd::int as hot,
           (select sum(calls)::int from pg_stat_user_functions) as calls,
           (select count(*)::int from pg_stat_activity where datname = current_database()) as connections
         from pg_stat_user_tables where relname = 'sessions'`,
      );
    // Counters are complete once the connections that they come from are gone.
    let [counters] = await readCounters();
    while (counters && 'connections' in counters && Number(counters.connections) > 1) [counters] = await readCounters();
    await probe.destroy();
    await world.query(`drop database ${name}`);
    expect(counters).toMatchObject({ updated: 200 * rounds + 199, calls: 199 });
    expect(Number(counters?.hot) / (200 * rounds)).toBeGreaterThan(0.9);
  });
});
