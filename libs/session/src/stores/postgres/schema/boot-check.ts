import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { Operation } from '../connection/operation.js';
import type { TableNames } from './identifiers.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { AUDIT_COLUMNS, FLOOR_COLUMNS, SESSION_COLUMNS } from './session-columns.js';
import { defineStatement } from '../connection/statement.js';
import { USER_ID_TYPES, type UserIdType } from './user-id-type.js';

const MIN_VERSION = 130_000;

const ADVICE =
  'add ...sessionMigrations({ userIdType }) from "nest-sessions/postgres" to the migrations of the DataSource and run them';

/** The tables by their qualified names, each with its columns. */
const CATALOGUE = defineStatement(
  'catalogue',
  { sessions: 'text', audit: 'text', floors: 'text' },
  (
    p,
  ) => `select current_setting('server_version_num')::integer as version, wanted.name as table_name, c.oid is not null as is_there,
  coalesce((select json_object_agg(a.attname, format_type(a.atttypid, null)) from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '{}')::text as columns
from (values (${p.sessions}), (${p.audit}), (${p.floors})) wanted (name)
left join pg_class c on c.oid = to_regclass(wanted.name)`,
);

interface CatalogueRow {
  readonly version: unknown;
  readonly table_name: string;
  readonly is_there: boolean;
  /** JSON: column name to type. */
  readonly columns: string;
}

/**
 * Checks the version of the server and the columns of the tables.
 *
 * @returns The type of the column `user_id`.
 * @throws {SessionConfigurationError} Something is missing or of another type. The message names it and the remedy.
 */
export async function checkSchema(
  { pool, tables, userIdType }: { pool: PostgresPool; tables: TableNames; userIdType: UserIdType | undefined },
  operation: Operation,
): Promise<UserIdType> {
  const rows = await pool.read<CatalogueRow>(operation, CATALOGUE.bind(tables));
  const version = Number(rows[0]?.version);
  if (version < MIN_VERSION) {
    throw new SessionConfigurationError(
      'postgresStore',
      `needs Postgres 13 or newer, but the server is ${Math.floor(version / 10_000)}`,
    );
  }
  assertColumns(rows, tables.audit, AUDIT_COLUMNS, 'postgresStore.auditTable');
  const columns = assertColumns(rows, tables.sessions, SESSION_COLUMNS, 'postgresStore.table');
  assertColumns(rows, tables.floors, FLOOR_COLUMNS, 'postgresStore.table');
  return chooseUserIdType(columns['user_id'], userIdType);
}

function assertColumns(
  rows: readonly CatalogueRow[],
  table: string,
  wanted: Readonly<Record<string, string>>,
  option: string,
): Record<string, string> {
  const row = rows.find((one) => one.table_name === table);
  if (!row?.is_there) throw new SessionConfigurationError(option, `${table} does not exist: ${ADVICE}`);
  const columns = JSON.parse(row.columns) as Record<string, string>;
  for (const [name, type] of Object.entries(wanted)) {
    const found = columns[name];
    if (found === undefined) {
      throw new SessionConfigurationError(option, `${table} has no column "${name}": ${ADVICE}`);
    }
    if (type !== 'user id' && found !== type) {
      throw new SessionConfigurationError(option, `${table}: column "${name}" must be ${type}, but is ${found}`);
    }
  }
  return columns;
}

function chooseUserIdType(found: string | undefined, wanted: UserIdType | undefined): UserIdType {
  const type = USER_ID_TYPES.find((one) => one === found);
  if (!type || (wanted !== undefined && wanted !== type)) {
    throw new SessionConfigurationError(
      'postgresStore.userIdType',
      `must be the type of the column "user_id": that is ${found}, but ${wanted ?? USER_ID_TYPES.join(' or ')} is expected`,
    );
  }
  return type;
}
