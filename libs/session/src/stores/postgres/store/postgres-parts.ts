import type { SessionLogger } from '../../../core/support/logger.js';
import { checkSchema } from '../schema/boot-check.js';
import { qualifyTables, type TableNames, type TableOptions } from '../schema/identifiers.js';
import { runOperation, type Operation } from '../connection/operation.js';
import type { PostgresConnect, PostgresConnection } from '../connection/postgres-connection.js';
import { PostgresPool } from '../connection/postgres-pool.js';
import { cleanUpStatements, PostgresSessionCleaner } from '../operations/clean-up.js';
import type { Endable } from '../operations/conditional-change.js';
import { createStatements, PostgresSessionCreator } from '../operations/create.js';
import { endStatements, PostgresSessionEnder } from '../operations/end.js';
import { findStatements, PostgresSessionFinder } from '../operations/find.js';
import { listStatement, PostgresSessionLister } from '../operations/list.js';
import { PostgresSessionRotator, rotateStatements } from '../operations/rotate.js';
import { ExpiringSessions, PostgresSessionToucher, touchStatement } from '../operations/touch.js';
import { PostgresSessionUpdater, updateStatement } from '../operations/update.js';
import { TouchQueue } from '../operations/touch-queue.js';
import { UndeliveredSessions } from '../operations/undelivered-sessions.js';
import type { UserIdType } from '../schema/user-id-type.js';

export interface PostgresSettings extends TableOptions {
  readonly connect: PostgresConnect;
  readonly userIdType: UserIdType | undefined;
  readonly preparedStatements: boolean;
  readonly listenUrl: string | undefined;
  readonly operationTimeoutMs: number;
  readonly startTimeoutMs: number;
  readonly cleanUpTimeoutMs: number;
  readonly touchFlushIntervalMs: number;
  readonly maxTouchBatch: number;
  readonly maxQueuedTouches: number;
  readonly logger: SessionLogger;
  readonly retentionMs: number;
  readonly auditRetentionMs: number;
}

/** A connection whose tables were checked. */
export interface PostgresBackend {
  readonly connection: PostgresConnection;
  readonly pool: PostgresPool;
  readonly tables: TableNames;
  readonly userIdType: UserIdType;
}

/** What a started store works with. */
export interface PostgresParts extends PostgresBackend {
  readonly creator: PostgresSessionCreator;
  readonly finder: PostgresSessionFinder;
  readonly lister: PostgresSessionLister;
  readonly updater: PostgresSessionUpdater;
  readonly rotator: PostgresSessionRotator;
  readonly ender: PostgresSessionEnder;
  readonly cleaner: PostgresSessionCleaner;
  readonly touches: TouchQueue;
  readonly expiring: ExpiringSessions;
  readonly undelivered: UndeliveredSessions;
}

/** The differences between a store of its own and the durable side of a hybrid store. */
export interface StoreMode {
  readonly touches: TouchQueue;
  readonly endable: Endable;
  /** How long a session has to be expired before cleanup ends it. */
  readonly expiryMarginMs: number;
  /** Additional columns that `find` selects. */
  readonly moreColumns: readonly string[];
}

/** Opens everything that a store of its own needs. Closes the connection when anything is wrong. */
export async function openParts(settings: PostgresSettings): Promise<PostgresParts> {
  const backend = await openBackend(settings);
  const { pool, tables } = backend;
  const statement = touchStatement(tables);
  const toucher = new PostgresSessionToucher({ pool, statement, timeoutMs: settings.operationTimeoutMs });
  const touches = new TouchQueue({
    flushIntervalMs: settings.touchFlushIntervalMs,
    maxBatch: settings.maxTouchBatch,
    maxQueued: settings.maxQueuedTouches,
    write: (touched) => toucher.touchMany(touched),
    logger: settings.logger,
  });
  return assembleParts(settings, backend, { touches, endable: 'live', expiryMarginMs: 0, moreColumns: [] });
}

/**
 * Connects and checks the tables. Closes the connection when anything is wrong.
 *
 * @param check - A further check, with a deadline of its own.
 */
export async function openBackend(
  settings: PostgresSettings,
  check?: (backend: PostgresBackend, operation: Operation) => Promise<void>,
): Promise<PostgresBackend> {
  const timeoutMs = settings.startTimeoutMs;
  const connection = await runOperation(
    {
      timeoutMs,
      onLate: (late: { result: PostgresConnection } | { error: unknown }) => {
        if ('result' in late) late.result.close().catch(() => undefined);
      },
    },
    settings.connect,
  );
  try {
    const { schema = connection.schema, preparedStatements } = settings;
    const tables = qualifyTables({ ...settings, schema }, 'postgresStore');
    const pool = new PostgresPool(connection.pool, preparedStatements);
    const userIdType = await runOperation({ timeoutMs }, (operation) =>
      checkSchema({ pool, tables, userIdType: settings.userIdType }, operation),
    );
    const backend = { connection, pool, tables, userIdType };
    if (check) await runOperation({ timeoutMs }, (operation) => check(backend, operation));
    return backend;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

export function assembleParts(
  settings: PostgresSettings,
  backend: PostgresBackend,
  { touches, endable, expiryMarginMs, moreColumns }: StoreMode,
): PostgresParts {
  const { pool, tables, userIdType } = backend;
  const { operationTimeoutMs: timeoutMs, logger, retentionMs, auditRetentionMs } = settings;
  const shared = { pool, timeoutMs, retentionMs, logger };
  const finder = new PostgresSessionFinder({ ...shared, statements: findStatements(tables, moreColumns) });
  const ender = new PostgresSessionEnder({ ...shared, statements: endStatements(tables, { userIdType, endable }) });
  return {
    ...backend,
    creator: new PostgresSessionCreator({ ...shared, statements: createStatements(tables, { userIdType, endable }) }),
    finder,
    lister: new PostgresSessionLister({ ...shared, statement: listStatement(tables, userIdType) }),
    updater: new PostgresSessionUpdater({ ...shared, finder, statement: updateStatement(tables) }),
    rotator: new PostgresSessionRotator({ ...shared, finder, statements: rotateStatements(tables, endable) }),
    ender,
    cleaner: new PostgresSessionCleaner({
      ...shared,
      tables,
      statements: cleanUpStatements(tables, { expiryMarginMs }),
      auditRetentionMs,
    }),
    touches,
    expiring: new ExpiringSessions(2 * settings.touchFlushIntervalMs),
    undelivered: new UndeliveredSessions({
      end: async (id) => (await ender.revoke({ id, reason: 'revoked', endedBy: null })) !== undefined,
      firstPauseMs: timeoutMs,
      logger,
    }),
  };
}
