import { SessionConfigurationError } from '../../../core/session/session-errors.js';

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_$]*$/;

/** Names of indexes and constraints are made from a table's name and must fit into Postgres' 63 bytes. */
const MAX_LENGTH = 40;

export interface TableOptions {
  /** Schema of both tables. Default the DataSource's `schema`, else whatever the connection's `search_path` says. */
  readonly schema?: string;
  /** Default `'sessions'`. */
  readonly table?: string;
  /** Default `'session_audit'`. */
  readonly auditTable?: string;
}

/** Quoted, schema-qualified names, safe to be put into SQL. */
export interface TableNames {
  readonly sessions: string;
  readonly audit: string;
  /** Only there with `sessionMigrations({ hotChanges: true })`. */
  readonly hotChanges: string;
  /** The instants before which everything that began has ended. */
  readonly floors: string;
}

/**
 * Quotes one identifier, exactly as given: case counts.
 *
 * @throws {SessionConfigurationError} Not a plain identifier (CVE-2019-15658: names are never trusted to be harmless).
 */
export function quoteIdentifier(name: unknown, option: string): string {
  if (typeof name === 'string' && IDENTIFIER.test(name) && name.length <= MAX_LENGTH) return `"${name}"`;
  throw new SessionConfigurationError(
    option,
    `must be 1 to ${MAX_LENGTH} letters, digits, "_" or "$" and not start with a digit, but is ${JSON.stringify(name)}`,
  );
}

/** @param option - What the names are an option of, for the message. */
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

/** One for each table of sessions: whoever works changes off must be told of no others. */
export function hotChangesTable(table: string): string {
  return `${table === 'sessions' ? 'session' : table}_hot_changes`;
}
