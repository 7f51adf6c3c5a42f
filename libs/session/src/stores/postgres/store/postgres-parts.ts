import type { SessionLogger } from '../../../core/support/logger.js';
import { checkSchema } from '../schema/boot-check.js';
import { ExpiringSessions } from '../operations/expiring-sessions.js';
import { qualifyTables, type TableNames, type TableOptions } from '../schema/identifiers.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresConnect, PostgresConnection } from '../connection/postgres-connection.js';
import { PostgresPool } from '../connection/postgres-pool.js';
import { SessionChanger } from '../operations/session-changer.js';
import { SessionCleaner } from '../operations/session-cleaner.js';
import { SessionCreator } from '../operations/session-creator.js';
import { SessionEnder } from '../operations/session-ender.js';
import { SessionFinder } from '../operations/session-finder.js';
import { changeStatements } from '../operations/change-statements.js';
import { cleanUpStatements } from '../operations/clean-up-statements.js';
import { createStatements } from '../operations/create-statements.js';
import { endStatements } from '../operations/end-statements.js';
import { readStatements } from '../operations/read-statements.js';
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

/** What a started store works with. */
export interface PostgresParts {
  readonly connection: PostgresConnection;
  readonly pool: PostgresPool;
  readonly tables: TableNames;
  readonly userIdType: UserIdType;
  readonly finder: SessionFinder;
  readonly creator: SessionCreator;
  readonly changer: SessionChanger;
  readonly ender: SessionEnder;
  readonly cleaner: SessionCleaner;
  readonly touches: TouchQueue;
  readonly expiring: ExpiringSessions;
  readonly undelivered: UndeliveredSessions;
}

/** Connects, checks the tables and puts the parts together; closes what it opened when anything is wrong. */
export async function openParts(settings: PostgresSettings): Promise<PostgresParts> {
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
    const { schema = connection.schema, preparedStatements, userIdType } = settings;
    const tables = qualifyTables({ ...settings, schema }, 'postgresStore');
    const pool = new PostgresPool(connection.pool, preparedStatements);
    const found = await runOperation({ timeoutMs }, (operation) =>
      checkSchema({ pool, tables, userIdType }, operation),
    );
    return assembleParts({ settings, connection, pool, tables, userIdType: found });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface Assembly {
  readonly settings: PostgresSettings;
  readonly connection: PostgresConnection;
  readonly pool: PostgresPool;
  readonly tables: ReturnType<typeof qualifyTables>;
  readonly userIdType: UserIdType;
}

function assembleParts({ settings, connection, pool, tables, userIdType }: Assembly): PostgresParts {
  const { operationTimeoutMs: timeoutMs, touchFlushIntervalMs, logger, retentionMs, auditRetentionMs } = settings;
  const finder = new SessionFinder({ pool, statements: readStatements(tables, userIdType), timeoutMs, logger });
  const changer = new SessionChanger({ pool, statements: changeStatements(tables), finder, timeoutMs, retentionMs });
  const ender = new SessionEnder({ pool, statements: endStatements(tables, userIdType), timeoutMs, retentionMs });
  return {
    connection,
    pool,
    tables,
    userIdType,
    finder,
    changer,
    ender,
    creator: new SessionCreator({ pool, statements: createStatements(tables, userIdType), retentionMs }),
    cleaner: new SessionCleaner({
      pool,
      tables,
      statements: cleanUpStatements(tables),
      retentionMs,
      auditRetentionMs,
    }),
    touches: new TouchQueue({
      flushIntervalMs: touchFlushIntervalMs,
      maxBatch: settings.maxTouchBatch,
      maxQueued: settings.maxQueuedTouches,
      write: (touches) => changer.touchMany(touches),
      logger,
    }),
    expiring: new ExpiringSessions(2 * touchFlushIntervalMs),
    undelivered: new UndeliveredSessions({
      end: async (id) => (await ender.revoke({ id, reason: 'revoked', endedBy: null })) !== undefined,
      firstPauseMs: timeoutMs,
      logger,
    }),
  };
}
