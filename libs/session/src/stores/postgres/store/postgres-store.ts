import { DataSource } from 'typeorm';
import type { Duration } from '../../../core/session/duration.js';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { SessionStore } from '../../../core/ports/session-store.js';
import type {
  SessionDependencyToken,
  SessionStoreContext,
  SessionStoreDefinition,
} from '../../../core/ports/store-definition.js';
import { assertStoreOptions, parseShortDuration } from '../../../core/ports/store-options.js';
import { qualifyTables, type TableOptions } from '../schema/identifiers.js';
import { borrowDataSource, openDataSource, type PostgresConnect } from '../connection/postgres-connection.js';
import type { PostgresSettings } from './postgres-parts.js';
import { PostgresSessionStore } from './postgres-session.store.js';
import { USER_ID_TYPES, type UserIdType } from '../schema/user-id-type.js';

/** Options of `postgresStore`: the source of its connections, and how it uses them. */
export type PostgresStoreOptions = PostgresSource & PostgresStoreSettings;

export type PostgresSource =
  /**
   * A TypeORM `DataSource`, or the name of one that `TypeOrmModule` provides. Default: the one without a name. The store
   * shares its pool with the application and never closes it.
   */
  | { readonly dataSource?: DataSource | string; readonly url?: never; readonly poolSize?: never }
  /** The store opens its own DataSource and closes it. `poolSize`: the most connections, default 10. */
  | { readonly url: string; readonly poolSize?: number; readonly dataSource?: never };

export interface PostgresStoreSettings extends TableOptions {
  /** Type of the column `user_id`. Default: that of the table. If set, a table of another type fails the boot. */
  readonly userIdType?: UserIdType;
  /** Set to `false` behind PgBouncer in transaction mode; this about halves the lookups per second. Default `true`. */
  readonly preparedStatements?: boolean;
  /**
   * URL of the server itself, to listen for sessions that end on other instances. Needed behind PgBouncer in transaction
   * mode, which passes no notifications on. Default: the connections of the store.
   */
  readonly listenUrl?: string;
  /**
   * How long an operation may take, including the wait for a connection. After that it fails with
   * `SessionStoreUnavailableError`. Default `'2s'`.
   */
  readonly operationTimeout?: Duration;
  /** How long to wait for Postgres at boot. Default `'10s'`. */
  readonly startTimeout?: Duration;
  /** How long one step of cleanup may take. Default `'30s'`. */
  readonly cleanUpTimeout?: Duration;
  /** How long a touch waits for others, so that one statement writes them all. Default `'1s'`. */
  readonly touchFlushInterval?: Duration;
}

const OPTION_NAMES = [
  'dataSource',
  'url',
  'poolSize',
  'schema',
  'table',
  'auditTable',
  'userIdType',
  'preparedStatements',
  'listenUrl',
  'operationTimeout',
  'startTimeout',
  'cleanUpTimeout',
  'touchFlushInterval',
] as const satisfies readonly (keyof PostgresStoreOptions)[];

const MAX_TOUCH_BATCH = 1000;
const MAX_QUEUED_TOUCHES = 20_000;

/**
 * Keeps sessions in Postgres 13 or newer, in the tables of `sessionMigrations()`.
 *
 * @example
 * ```ts
 * SessionModule.forRoot({ store: postgresStore({ url: 'postgres://localhost/app', poolSize: 20 }) });
 * ```
 * @throws {SessionConfigurationError} An option is wrong.
 */
export function postgresStore(options: PostgresStoreOptions = {}): SessionStoreDefinition {
  return definePostgres(options, (settings) => new PostgresSessionStore(settings));
}

/** A definition whose `create` returns a store of this class. */
export interface PostgresDefinition<Store extends SessionStore> extends SessionStoreDefinition {
  create(context: SessionStoreContext, ...dependencies: unknown[]): Store;
}

/**
 * Checks the options and defines a store by the settings that follow from them.
 *
 * @param furtherNames - Names of options that the caller checks.
 */
export function definePostgres<Store extends SessionStore>(
  options: PostgresStoreOptions,
  construct: (settings: PostgresSettings) => Store,
  furtherNames: readonly string[] = [],
): PostgresDefinition<Store> {
  assertStoreOptions(options, 'postgresStore', [...OPTION_NAMES, ...furtherNames]);
  const { schema, table, auditTable, userIdType, preparedStatements = true, listenUrl } = options;
  qualifyTables(options, 'postgresStore');
  assertSource(options);
  if (userIdType !== undefined && !USER_ID_TYPES.includes(userIdType)) {
    throw new SessionConfigurationError('postgresStore.userIdType', `must be one of ${USER_ID_TYPES.join(', ')}`);
  }
  const settings = {
    schema,
    table,
    auditTable,
    userIdType,
    preparedStatements,
    listenUrl,
    operationTimeoutMs: parseShortDuration(options.operationTimeout ?? '2s', 'postgresStore.operationTimeout'),
    startTimeoutMs: parseShortDuration(options.startTimeout ?? '10s', 'postgresStore.startTimeout'),
    cleanUpTimeoutMs: parseShortDuration(options.cleanUpTimeout ?? '30s', 'postgresStore.cleanUpTimeout'),
    touchFlushIntervalMs: parseShortDuration(options.touchFlushInterval ?? '1s', 'postgresStore.touchFlushInterval'),
    maxTouchBatch: MAX_TOUCH_BATCH,
    maxQueuedTouches: MAX_QUEUED_TOUCHES,
  };
  const { url, dataSource } = options;
  const isNamed = url === undefined && (dataSource === undefined || typeof dataSource === 'string');
  return {
    name: 'postgres',
    keepsHistory: true,
    inject: isNamed ? [dataSourceToken(dataSource)] : [],
    create: ({ logger, retentionMs, auditRetentionMs }, injected) => {
      const connect = chooseConnect(options, isNamed ? injected : dataSource, settings);
      return construct({ ...settings, connect, logger, retentionMs, auditRetentionMs });
    },
  };
}

/**
 * The token under which `@nestjs/typeorm` provides a DataSource: the result of its `getDataSourceToken`, without an
 * import of Nest.
 */
function dataSourceToken(name = 'default'): SessionDependencyToken {
  return name === 'default' ? DataSource : `${name}DataSource`;
}

function chooseConnect(
  { url, poolSize = 10 }: PostgresStoreOptions,
  dataSource: unknown,
  { operationTimeoutMs, preparedStatements }: { operationTimeoutMs: number; preparedStatements: boolean },
): PostgresConnect {
  if (url === undefined) return async () => borrowDataSource(dataSource, 'postgresStore.dataSource');
  // Poolers refuse a connection that asks for a setting which they do not know.
  const statementTimeoutMs = preparedStatements ? operationTimeoutMs : undefined;
  return () => openDataSource({ url, poolSize, operationTimeoutMs, statementTimeoutMs });
}

function assertSource({ url, dataSource, poolSize, listenUrl }: PostgresStoreOptions): void {
  if (url !== undefined && dataSource !== undefined) {
    throw new SessionConfigurationError('postgresStore', 'takes either url or dataSource, not both');
  }
  for (const [option, given] of Object.entries({ url, listenUrl })) {
    if (given === undefined || /^postgres(?:ql)?:\/\//.test(given)) continue;
    throw new SessionConfigurationError(`postgresStore.${option}`, 'must start with postgres:// or postgresql://');
  }
  if (url === undefined && poolSize !== undefined) {
    throw new SessionConfigurationError(
      'postgresStore.poolSize',
      'is for a DataSource that the store opens: give url too, or set poolSize on your own DataSource',
    );
  }
  if (poolSize !== undefined && !(Number.isSafeInteger(poolSize) && poolSize > 0)) {
    throw new SessionConfigurationError('postgresStore.poolSize', `must be a positive integer, but is ${poolSize}`);
  }
}
