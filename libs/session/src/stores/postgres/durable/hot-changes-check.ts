import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { TableNames } from '../schema/identifiers.js';
import type { Operation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { defineStatement } from '../connection/statement.js';
import { HOT_TRIGGERS } from '../schema/hot-changes-sql.js';

const ADVICE =
  'run the migrations of sessionMigrations({ userIdType, hotChanges: true }) from "nest-sessions/postgres", which make it';

/** $1 table of changes, $2 table of sessions, $3 names of the triggers that must be there and enabled */
const CATALOGUE = defineStatement(
  'hot-changes-catalogue',
  `select to_regclass($1) is not null as has_table,
  exists (select from pg_attribute a
    where a.attrelid = to_regclass($2) and a.attname = 'hot_data_version' and not a.attisdropped) as has_column,
  (select wanted.name from unnest($3::text[]) wanted (name)
    where not exists (select from pg_trigger t
      where t.tgrelid = to_regclass($2) and t.tgname = wanted.name and t.tgenabled in ('O', 'A')) limit 1) as missing_trigger`,
);

interface CatalogueRow {
  readonly has_table: boolean;
  readonly has_column: boolean;
  readonly missing_trigger: string | null;
}

/** @throws {SessionConfigurationError} Changes would not be recorded; names what is missing and what to do. */
export async function checkHotChanges(
  { pool, tables }: { readonly pool: PostgresPool; readonly tables: TableNames },
  operation: Operation,
): Promise<void> {
  const [row] = await pool.read<CatalogueRow>(operation, CATALOGUE, [tables.hotChanges, tables.sessions, HOT_TRIGGERS]);
  if (!row?.has_table) refuse(`${tables.hotChanges} does not exist`);
  if (!row.has_column) refuse(`${tables.sessions} has no column "hot_data_version"`);
  if (row.missing_trigger !== null) refuse(`${tables.sessions} has no enabled trigger "${row.missing_trigger}"`);
}

function refuse(problem: string): never {
  throw new SessionConfigurationError('postgresStore.table', `cannot be followed: ${problem}; ${ADVICE}`);
}
