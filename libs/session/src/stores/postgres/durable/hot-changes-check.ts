import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { TableNames } from '../schema/identifiers.js';
import type { Operation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { defineStatement } from '../connection/statement.js';
import { HOT_TRIGGERS } from '../schema/hot-changes-sql.js';

const ADVICE =
  'run the migrations of sessionMigrations({ userIdType, hotChanges: true }) from "nest-sessions/postgres", which make it';

/** Looks for the table of changes, and for the column and the enabled triggers of the table of sessions. */
const CATALOGUE = defineStatement(
  'hot-changes-catalogue',
  { hotChanges: 'text', sessions: 'text', triggers: 'text[]' },
  (p) => `select to_regclass(${p.hotChanges}) is not null as has_table,
  exists (select from pg_attribute a
    where a.attrelid = to_regclass(${p.sessions}) and a.attname = 'hot_data_version' and not a.attisdropped) as has_column,
  (select wanted.name from unnest(${p.triggers}) wanted (name)
    where not exists (select from pg_trigger t
      where t.tgrelid = to_regclass(${p.sessions}) and t.tgname = wanted.name and t.tgenabled in ('O', 'A')) limit 1) as missing_trigger`,
);

interface CatalogueRow {
  readonly has_table: boolean;
  readonly has_column: boolean;
  readonly missing_trigger: string | null;
}

/** @throws {SessionConfigurationError} Changes would not be recorded. The message names what is missing and the remedy. */
export async function checkHotChanges(
  { pool, tables }: { readonly pool: PostgresPool; readonly tables: TableNames },
  operation: Operation,
): Promise<void> {
  const { hotChanges, sessions } = tables;
  const query = CATALOGUE.bind({ hotChanges, sessions, triggers: HOT_TRIGGERS });
  const [row] = await pool.read<CatalogueRow>(operation, query);
  if (!row?.has_table) refuse(`${tables.hotChanges} does not exist`);
  if (!row.has_column) refuse(`${tables.sessions} has no column "hot_data_version"`);
  if (row.missing_trigger !== null) refuse(`${tables.sessions} has no enabled trigger "${row.missing_trigger}"`);
}

function refuse(problem: string): never {
  throw new SessionConfigurationError('postgresStore.table', `cannot be followed: ${problem}; ${ADVICE}`);
}
