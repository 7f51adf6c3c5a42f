import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { SessionArgumentError, SessionConfigurationError } from 'nest-sessions';
import {
  postgresStore,
  runMigrationsOnce,
  SessionAuditEntity,
  sessionEntities,
  SessionEntity,
  sessionMigrations,
  type SessionMigrationOptions,
} from 'nest-sessions/postgres';
import { aNewSession } from 'nest-sessions/testing';
import { endStatements } from '#src/stores/postgres/operations/end.js';
import { type PostgresWorld, usePostgresWorld } from './world.js';

function namesOf(options: Partial<SessionMigrationOptions> = {}) {
  return sessionMigrations({ userIdType: 'text', ...options }).map((Migration) => new Migration().name);
}

describe('the migrations of the Postgres store', () => {
  let world: PostgresWorld;
  usePostgresWorld((opened) => (world = opened), { migrate: false });

  const listTables = async (schema: string) => {
    const rows = await world.admin.query<{ tablename: string }[]>(
      'select tablename from pg_tables where schemaname = $1 order by 1',
      [schema],
    );
    return rows.map(({ tablename }) => tablename);
  };

  it('make the tables and take them away again, and may run on what is there', async () => {
    const migrations = sessionMigrations({ userIdType: 'bigint' });
    const dataSource = await world.openDataSource({ migrations });
    await dataSource.runMigrations();
    expect(await listTables(world.schema)).toEqual(['migrations', 'session_audit', 'session_floors', 'sessions']);
    await world.query(`delete from ${world.schema}.migrations`);
    await dataSource.runMigrations();
    await dataSource.undoLastMigration();
    expect(await listTables(world.schema)).toEqual(['migrations']);
    const functions = `select 1 from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1`;
    expect(await world.admin.query(functions, [world.schema])).toEqual([]);
  });

  it('keep their names, which end in a timestamp of 13 digits', () => {
    expect(namesOf()).toEqual(['CreateNestSessions1795392000000']);
    expect(namesOf({ table: 'logins' })).toEqual(namesOf({ table: 'logins', userIdType: 'uuid' }));
    expect(namesOf({ table: 'logins' })).toEqual([
      expect.stringMatching(/^CreateNestSessions[0-9a-f]{8}1795392000000$/),
    ]);
    expect(namesOf({ table: 'logins' })).not.toEqual(namesOf({ table: 'visits' }));
  });

  it('need no right to create schemas where theirs is there', async () => {
    const role = `${world.schema}_owner`;
    await world.admin.query(`create role ${role}; create schema "${world.schema}$$" authorization ${role}`);
    const schema = `${world.schema}$$`;
    const dataSource = await world.openDataSource({
      schema,
      poolSize: 1,
      extra: { options: `-c role=${role}` },
      migrations: sessionMigrations({ schema, userIdType: 'text', hotChanges: true }),
    });
    const mayCreate = `select has_database_privilege(current_database(), 'create') as it`;
    expect(await dataSource.query(mayCreate)).toEqual([{ it: false }]);
    await dataSource.runMigrations();
    expect(await listTables(schema)).toEqual([
      'migrations',
      'session_audit',
      'session_floors',
      'session_hot_changes',
      'sessions',
    ]);
    await dataSource.destroy();
    await world.admin.query(`drop schema "${schema}" cascade; drop role ${role}`);
  });

  it('apply once when five first starts run them at the same time (typeorm/typeorm#4588)', async () => {
    const schema = `${world.schema}_five`;
    await world.admin.query(`create schema ${schema}`);
    const dataSources = await Promise.all(
      Array.from({ length: 5 }, () =>
        world.openDataSource({ schema, poolSize: 1, migrations: sessionMigrations({ userIdType: 'uuid' }) }),
      ),
    );
    const ran = await Promise.all(dataSources.map((dataSource) => runMigrationsOnce(dataSource)));
    expect(ran.map((migrations) => migrations.length).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 1]);
    expect(await listTables(schema)).toEqual(['migrations', 'session_audit', 'session_floors', 'sessions']);
    expect(await world.admin.query(`select count(*)::int as n from ${schema}.migrations`)).toEqual([{ n: 1 }]);
    await world.admin.query(`drop schema ${schema} cascade`);
  });

  it('do not fail when five run them at the same time with no lock but their own', async () => {
    const schema = `${world.schema}_bare`;
    const [Migration] = sessionMigrations({ schema, userIdType: 'uuid' });
    if (!Migration) throw new Error('there is no migration');
    const dataSources = await Promise.all(Array.from({ length: 5 }, () => world.openDataSource({ poolSize: 1 })));
    await Promise.all(
      dataSources.map(async (dataSource) => {
        const queryRunner = dataSource.createQueryRunner();
        await new Migration().up(queryRunner);
        await queryRunner.release();
      }),
    );
    expect(await listTables(schema)).toEqual(['session_audit', 'session_floors', 'sessions']);
    await world.admin.query(`drop schema ${schema} cascade`);
  });

  it('make tables of other names that a store and entities of these names use', async () => {
    const names = { schema: `${world.schema}_Other`, table: 'Logins', auditTable: 'login_log' };
    const entities = sessionEntities(names);
    const dataSource = await world.openDataSource({
      schema: undefined,
      entities,
      migrations: sessionMigrations({ ...names, userIdType: 'bigint' }),
      migrationsTableName: `migrations_${world.schema}`,
    });
    await dataSource.runMigrations();
    const store = await world.openStore({ ...names, dataSource });
    const session = aNewSession({ userId: '9223372036854775807', data: { mfaVerified: true } });
    await store.create(session);
    const [Sessions, Audit] = entities;
    const row = await dataSource.getRepository(Sessions).findOneByOrFail({ id: session.id });
    expect(row).toMatchObject({ userId: '9223372036854775807', data: { mfaVerified: true }, ipAddress: '203.0.113.7' });
    expect(Object.keys(row)).not.toContain('tokenHash');
    const [event] = await dataSource.getRepository(Audit).findBy({ sessionId: session.id });
    expect(event).toMatchObject({ event: 'session.created', userId: '9223372036854775807' });
    await dataSource.undoLastMigration();
    await world.admin.query(`drop table migrations_${world.schema}; drop schema "${names.schema}" cascade`);
  });

  it('tie sessions to users: none without one, and none left when it is deleted, while the audit log stays', async () => {
    const { schema } = world;
    await world.admin.query(
      `create table ${schema}.users (id bigint primary key); insert into ${schema}.users values (7)`,
    );
    const users = { schema, table: 'users', column: 'id' };
    const migrations = sessionMigrations({ userIdType: 'bigint', users });
    const dataSource = await world.openDataSource({ migrations });
    await dataSource.runMigrations();
    const store = await world.openStore({ dataSource });
    const mine = await store.create(aNewSession({ userId: '7' }));
    await store.create(aNewSession({ userId: null }));
    const nobodys = store.create(aNewSession({ userId: '8' }));
    await expect(nobodys).rejects.toThrow(SessionArgumentError);
    await expect(nobodys).rejects.toThrow('the user does not exist');
    const limited = aNewSession({ userId: '8', limit: { max: 1, onLimit: 'reject' } });
    await expect(store.create(limited)).rejects.toThrow('the user does not exist');
    await world.query(`delete from ${schema}.users`);
    expect(mine.created && (await store.find(mine.record.id))).toEqual({ live: false, reason: 'unknown' });
    expect(await world.query('select count(*)::int as n from sessions')).toEqual([{ n: 1 }]);
    expect(await world.query('select count(*)::int as n from session_audit')).toEqual([{ n: 2 }]);
    await dataSource.undoLastMigration();
  });

  it.each([
    ['schema', 'a"; drop schema public cascade; --'],
    ['table', 'sessions; select 1'],
    ['auditTable', ''],
    ['table', '1st'],
    ['table', 'x'.repeat(41)],
  ])('refuse the %s %j (CVE-2019-15658)', (option, name) => {
    for (const make of [
      () => sessionMigrations({ userIdType: 'text', [option]: name }),
      () => sessionEntities({ [option]: name }),
      () => postgresStore({ [option]: name }),
    ]) {
      expect(make).toThrow(SessionConfigurationError);
      expect(make).toThrow(`.${option} must be`);
    }
  });

  it('refuse a users table that is no identifier and a type that is none of the three', () => {
    const users = { table: 'users" cascade; --', column: 'id' };
    expect(() => sessionMigrations({ userIdType: 'text', users })).toThrow('sessionMigrations.users.table must be');
    expect(() => sessionMigrations({ userIdType: 'int' as 'text' })).toThrow('sessionMigrations.userIdType must be');
  });
});

describe('the tables of the Postgres store', () => {
  let world: PostgresWorld;
  usePostgresWorld((opened) => (world = opened));

  it('refuse a change of the audit log', async () => {
    const store = await world.openStore();
    await store.create(aNewSession({ userId: 'ada' }));
    await expect(world.query(`update session_audit set actor = 'mallory'`)).rejects.toThrow('append-only');
    expect(await world.query(`select count(*)::int as n from session_audit where actor is null`)).toEqual([{ n: 1 }]);
  });

  it('refuse an end without a reason, an unknown reason, and an expiry past the absolute one', async () => {
    await expect(world.query('update sessions set ended_at = now()')).rejects.toThrow('sessions_end_check');
    await expect(world.query(`update sessions set ended_at = now(), end_reason = 'whim'`)).rejects.toThrow(
      'sessions_end_reason_check',
    );
    await expect(world.query(`update sessions set expires_at = absolute_expires_at + '1s'`)).rejects.toThrow(
      'sessions_expiry_check',
    );
  });

  it('give TypeORM nothing to change, though their entities are registered (typeorm/typeorm#9860)', async () => {
    const entities = [SessionEntity, SessionAuditEntity];
    const dataSource = await world.openDataSource({ entities, synchronize: true });
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    expect(upQueries).toEqual([]);
    expect(await dataSource.getRepository(SessionEntity).count()).toBe(1);
  });

  it('answer every statement of a large table by an index (typeorm/typeorm#10626, keycloak/keycloak#29294)', async () => {
    await world.query(`insert into sessions (id, user_id, token_hash, created_at, last_seen_at, expires_at,
      absolute_expires_at, purge_after, ended_at, end_reason)
      select gen_random_uuid(), 'user-' || n % 1000, decode(repeat('00', 32), 'hex'), now(), now(), now() + '1h',
        now() + '1d', now() + case when n % 100 = 0 then '-1h' else '2h' end::interval,
        case when n % 2 = 0 then now() end, case when n % 2 = 0 then 'logout' end
      from generate_series(1, 20000) n`);
    await world.query('analyze sessions');
    const explain = async (sql: string, values: unknown[] = []) => {
      const rows = await world.query<{ 'QUERY PLAN': string }>(`explain ${sql}`, values);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    };
    const id = randomUUID();
    expect(await explain('select * from sessions s where id = $1', [id])).toContain('using sessions_pkey');
    expect(await explain('select * from sessions s where id = any($1::uuid[])', [[id, randomUUID()]])).toContain(
      'sessions_pkey',
    );
    expect(
      await explain('select * from sessions s where user_id = $1 and ended_at is null and expires_at > now()', [
        'user-1',
      ]),
    ).toContain('sessions_user');
    const tables = { sessions: 'sessions', audit: 'session_audit', hotChanges: '', floors: 'session_floors' };
    const logout = endStatements(tables, { userIdType: 'text', endable: 'live' }).revokeByIdentityProvider.text;
    const values = ['https://idp.example', 'sid-1', 'idp-logout', null, 1, null];
    expect(await explain(logout, values)).toContain('sessions_idp');
    const batch = 'order by purge_after limit 1000 for update skip locked';
    const live = `select ctid from sessions where ended_at is null and purge_after <= now() and expires_at <= now() ${batch}`;
    expect(await explain(live)).toContain('sessions_live_purge');
    const ended = `select ctid from sessions where ended_at is not null and purge_after <= now() ${batch}`;
    expect(await explain(ended)).toContain('sessions_ended_purge');
    expect(await explain(`delete from sessions s where s.ctid = any(array(${ended}))`)).toMatch(/Tid Scan/);
  });
});
