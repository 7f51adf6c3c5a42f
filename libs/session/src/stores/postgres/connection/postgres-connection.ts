import { DataSource } from 'typeorm';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import { describePostgresError, isRefusedLogin, toSessionError } from './postgres-errors.js';
import type { PgPool } from './postgres-pool.js';

/** An open pool and the way to more connections. */
export interface PostgresConnection {
  readonly pool: PgPool;
  /** The DataSource's own schema, if it has one. */
  readonly schema: string | undefined;
  /** Creates a separate client, not yet connected, with the settings of the pool or for another URL. */
  readonly createClient: (url?: string) => ListeningPgClient;
  /** Closes a DataSource that the store opened, and leaves the application's own open. */
  close(): Promise<void>;
}

export type PostgresConnect = () => Promise<PostgresConnection>;

/**
 * Uses the primary's pool of the application's own DataSource, which the application closes.
 *
 * @throws {SessionConfigurationError} Not a DataSource for Postgres, or not initialized.
 */
export function borrowDataSource(dataSource: unknown, option: string): PostgresConnection {
  if (!isDataSource(dataSource)) throw new SessionConfigurationError(option, 'must be a TypeORM DataSource');
  if (dataSource.options.type !== 'postgres') {
    throw new SessionConfigurationError(
      option,
      `must be of type "postgres", but is of type "${dataSource.options.type}"`,
    );
  }
  if (!dataSource.isInitialized) {
    throw new SessionConfigurationError(option, 'is not initialized: await dataSource.initialize() first');
  }
  const pool = poolOf(dataSource, option);
  return {
    pool,
    schema: dataSource.options.schema,
    createClient: (url) => duplicateClient(pool, url),
    close: () => Promise.resolve(),
  };
}

export interface OwnDataSource {
  readonly url: string;
  readonly poolSize: number;
  readonly operationTimeoutMs: number;
  /** `undefined`: the pooler in between accepts no such setting. */
  readonly statementTimeoutMs: number | undefined;
}

/**
 * Opens a DataSource that belongs to the store.
 *
 * @throws {SessionConfigurationError} The server refuses the user, the password or the database.
 * @throws {SessionStoreUnavailableError} The server does not answer.
 */
export async function openDataSource(settings: OwnDataSource): Promise<PostgresConnection> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: settings.url,
    poolSize: settings.poolSize,
    connectTimeoutMS: settings.operationTimeoutMs,
    applicationName: 'nest-sessions',
    poolErrorHandler: () => undefined,
    extra: { keepAlive: true, statement_timeout: settings.statementTimeoutMs },
  });
  try {
    await dataSource.initialize();
  } catch (error) {
    if (isRefusedLogin(error)) {
      throw new SessionConfigurationError('postgresStore.url', `is refused: ${describePostgresError(error)}`);
    }
    throw toSessionError(error);
  }
  const pool = poolOf(dataSource, 'postgresStore.url');
  return {
    pool,
    schema: undefined,
    createClient: (url) => duplicateClient(pool, url),
    close: async () => {
      if (dataSource.isInitialized) await dataSource.destroy();
    },
  };
}

/** Checks the shape, because an application may hold another copy of the typeorm package. */
function isDataSource(value: unknown): value is DataSource {
  return (
    typeof value === 'object' && value !== null && 'options' in value && 'driver' in value && 'isInitialized' in value
  );
}

/** Class and options of the clients of a `pg` pool. The password is hidden from enumeration. */
interface PoolInternals extends PgPool {
  readonly Client?: new (options: object) => ListeningPgClient;
  readonly options?: { readonly password?: unknown };
}

function duplicateClient({ Client, options }: PoolInternals, url?: string): ListeningPgClient {
  if (!Client || !options)
    throw new TypeError('the pool hides the options of its clients: use a pool of the package pg');
  const source = url === undefined ? { password: options.password } : { connectionString: url };
  return new Client({ ...options, ...source, application_name: 'nest-sessions signals', keepAlive: true });
}

function poolOf(dataSource: DataSource, option: string): PgPool {
  const pool: unknown = 'master' in dataSource.driver ? dataSource.driver.master : undefined;
  if (isPool(pool)) return pool;
  throw new SessionConfigurationError(option, 'has no pool of pg connections: use TypeORM with the package pg');
}

function isPool(value: unknown): value is PgPool {
  return typeof value === 'object' && value !== null && 'connect' in value && typeof value.connect === 'function';
}

/** The part of a separate `pg` client that the store uses. */
export interface ListeningPgClient {
  connect(): Promise<unknown>;
  query(text: string): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'notification', listener: (message: { channel: string; payload?: string }) => void): unknown;
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown;
}
