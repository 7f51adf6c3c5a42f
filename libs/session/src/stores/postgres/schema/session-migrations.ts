import { createHash } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import { forgetHotChangesSql, recordHotChangesSql, type LocatedTable } from './hot-changes-sql.js';
import { createTablesSql, dropTablesSql, type UsersReference } from './migration-sql.js';
import { qualifyTables, quoteIdentifier, type TableOptions } from './identifiers.js';
import { USER_ID_TYPES, type UserIdType } from './user-id-type.js';

export interface SessionMigrationOptions extends TableOptions {
  /** Type of the users' primary key, such as `'bigint'`. */
  readonly userIdType: UserIdType;
  /** The users' table: sessions then reference it and are deleted with their user. Default: no reference. */
  readonly users?: { readonly table: string; readonly column: string; readonly schema?: string };
  /**
   * Also records every change that hot copies have to follow; `hybridStore` needs it. Default `false`.
   *
   * Only the hybrid store deletes these records. Undo this migration before you go back to `postgresStore()`, or they
   * pile up.
   */
  readonly hotChanges?: boolean;
}

/** The time of the first version; TypeORM orders migrations by it. Never changes. */
const CREATED_AT_MS = 1_795_392_000_000;
const HOT_CHANGES_AT_MS = 1_795_392_000_001;

/**
 * Returns the migrations that create the tables, for the `migrations` of a `DataSource`.
 *
 * Each migration is one atomic command. It waits for other processes that run the same one, and leaves existing tables
 * alone, so that several instances may run them at once. Names are stable; later versions of this library append to the
 * list.
 *
 * @example
 * ```ts
 * const dataSource = new DataSource({
 *   type: 'postgres',
 *   url: 'postgres://localhost/app',
 *   migrations: [...sessionMigrations({ userIdType: 'bigint', users: { table: 'users' } })],
 * });
 * await dataSource.initialize();
 * await runMigrationsOnce(dataSource);
 * ```
 * @throws {SessionConfigurationError} A name is not a plain identifier, or `userIdType` is not one of the possible types.
 */
export function sessionMigrations(options: SessionMigrationOptions): (new () => MigrationInterface)[] {
  const { userIdType, users, hotChanges = false } = options;
  if (!USER_ID_TYPES.includes(userIdType)) {
    throw new SessionConfigurationError('sessionMigrations.userIdType', `must be one of ${USER_ID_TYPES.join(', ')}`);
  }
  qualifyTables(options, 'sessionMigrations');
  const references = users && quoteUsers(users);

  class CreateNestSessions implements MigrationInterface {
    readonly name = `CreateNestSessions${suffixOf(options)}${CREATED_AT_MS}`;

    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(createTablesSql({ ...withSchema(options, queryRunner), userIdType, users: references }));
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(dropTablesSql(withSchema(options, queryRunner)));
    }
  }
  return hotChanges ? [CreateNestSessions, hotChangesMigration(options)] : [CreateNestSessions];
}

function hotChangesMigration(options: TableOptions): new () => MigrationInterface {
  return class RecordNestSessionChanges implements MigrationInterface {
    readonly name = `RecordNestSessionChanges${suffixOf(options)}${HOT_CHANGES_AT_MS}`;

    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(recordHotChangesSql(await locateTable(options, queryRunner)));
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(forgetHotChangesSql(await locateTable(options, queryRunner)));
    }
  };
}

/** Triggers run with the `search_path` of the session that fires them, so their function has to name its schema. */
async function locateTable(options: TableOptions, queryRunner: QueryRunner): Promise<LocatedTable> {
  const { sessions } = qualifyTables(withSchema(options, queryRunner), 'sessionMigrations');
  const rows: unknown = await queryRunner.query(
    'select relnamespace::regnamespace::text as schema from pg_class where oid = to_regclass($1)',
    [sessions],
  );
  const [found] = rows as { schema: string }[];
  if (!found) throw new SessionConfigurationError('sessionMigrations.table', `${sessions} does not exist`);
  return { quotedSchema: found.schema, table: options.table ?? 'sessions' };
}

/** Without a schema option, the tables are in the schema of the DataSource's entities. */
function withSchema(options: TableOptions, { connection }: QueryRunner): TableOptions {
  const { options: dataSourceOptions } = connection;
  const schema = dataSourceOptions.type === 'postgres' ? dataSourceOptions.schema : undefined;
  return { ...options, schema: options.schema ?? schema };
}

/** Tables with other names have migrations with other names. */
function suffixOf({ schema, table, auditTable }: TableOptions): string {
  const names = [schema, table, auditTable];
  if (names.every((name) => name === undefined)) return '';
  return createHash('sha256').update(JSON.stringify(names)).digest('hex').slice(0, 8);
}

function quoteUsers({ schema, table, column }: NonNullable<SessionMigrationOptions['users']>): UsersReference {
  const prefix = schema === undefined ? '' : `${quoteIdentifier(schema, 'sessionMigrations.users.schema')}.`;
  return {
    table: prefix + quoteIdentifier(table, 'sessionMigrations.users.table'),
    column: quoteIdentifier(column, 'sessionMigrations.users.column'),
  };
}
