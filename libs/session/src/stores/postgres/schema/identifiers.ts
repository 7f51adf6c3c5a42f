import { SessionConfigurationError } from '../../../core/session/session-errors.js';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_$]*$/;

/** Names of indexes and constraints contain a table's name and must fit into Postgres' 63 bytes. */
const MAX_LENGTH = 40;

export interface TableOptions {
  /** Schema of the tables, such as `'auth'`. Default: the DataSource's `schema`, else the connection's `search_path`. */
  readonly schema?: string;
  /** Table of the sessions. Default `'sessions'`. */
  readonly table?: string;
  /** Table of the audit log. Default `'session_audit'`. */
  readonly auditTable?: string;
}

/** Quoted, schema-qualified names, safe to use in SQL. */
export interface TableNames {
  readonly sessions: string;
  readonly audit: string;
  /** Exists only with `sessionMigrations({ hotChanges: true })`. */
  readonly hotChanges: string;
  /** The revocation cutoffs: every session that began before one of them has ended. */
  readonly floors: string;
}

/**
 * Quotes one identifier exactly as given, case included.
 *
 * @throws {SessionConfigurationError} Not a plain identifier. Names are never trusted to be harmless (CVE-2019-15658).
 */
export function quoteIdentifier(name: unknown, option: string): string {
  if (typeof name === 'string' && IDENTIFIER.test(name) && name.length <= MAX_LENGTH) return `"${name}"`;
  throw new SessionConfigurationError(
    option,
    `must be 1 to ${MAX_LENGTH} letters, digits, "_" or "$" and not start with a digit, but is ${JSON.stringify(name)}`,
  );
}

/** @param option - The function whose options hold the names, for the error message. */
export function qualifyTables(options: TableOptions, option: string): TableNames {
  const { schema, table = 'sessions', auditTable = 'session_audit' } = options;
  if (table === auditTable) throw new SessionConfigurationError(`${option}.auditTable`, 'must differ from table');
  const prefix = schema === undefined ? '' : `${quoteIdentifier(schema, `${option}.schema`)}.`;
  return {
    sessions: prefix + quoteIdentifier(table, `${option}.table`),
    audit: prefix + quoteIdentifier(auditTable, `${option}.auditTable`),
    hotChanges: `${prefix}"${hotChangesTable(table)}"`,
    floors: `${prefix}"${table === 'sessions' ? 'session' : table}_floors"`,
  };
}

/** Each table of sessions has its own table of changes, because a hybrid store must follow only its own sessions. */
export function hotChangesTable(table: string): string {
  return `${table === 'sessions' ? 'session' : table}_hot_changes`;
}
