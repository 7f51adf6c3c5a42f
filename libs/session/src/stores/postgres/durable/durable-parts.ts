import { SessionChanger } from '../operations/session-changer.js';
import { changeStatements } from '../operations/change-statements.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresParts, PostgresSettings } from '../store/postgres-parts.js';
import { SessionCleaner } from '../operations/session-cleaner.js';
import { SessionCreator } from '../operations/session-creator.js';
import { cleanUpStatements } from '../operations/clean-up-statements.js';
import { createStatements } from '../operations/create-statements.js';
import { readStatements } from '../operations/read-statements.js';
import type { AgedTouch } from '../operations/touch-queue.js';
import { DurableEnder } from './durable-ender.js';
import { DURABLE_COLUMNS, DurableFinder } from './durable-finder.js';
import { durableStatements } from './durable-statements.js';
import { DurableTouchQueue } from './durable-touch-queue.js';
import { DurableToucher } from './durable-toucher.js';
import { checkHotChanges } from './hot-changes-check.js';
import { HotChanges } from './hot-changes.js';
import { UnwrittenTouches } from './unwritten-touches.js';

const MAX_UNWRITTEN_TOUCHES = 100_000;
const MIN_RETRY_INTERVAL_MS = 1_000;

export interface DurableSettings extends PostgresSettings {
  /** How long a session has to be expired before cleanup ends it, because a touch of it may still be on its way. */
  readonly expiryMarginMs: number;
}

export interface DurableParts extends PostgresParts {
  readonly finder: DurableFinder;
  readonly changes: HotChanges;
}

/**
 * A store's parts, those exchanged for which it matters that sessions are touched elsewhere and the news of it comes
 * late. Closes the connection when changes would not be recorded.
 */
export async function toDurableParts(parts: PostgresParts, settings: DurableSettings): Promise<DurableParts> {
  const { connection, pool, tables, userIdType } = parts;
  try {
    await runOperation({ timeoutMs: settings.startTimeoutMs }, (operation) => checkHotChanges(parts, operation));
  } catch (error) {
    await connection.close();
    throw error;
  }
  const { operationTimeoutMs: timeoutMs, retentionMs, auditRetentionMs, maxTouchBatch: maxBatch, logger } = settings;
  const statements = durableStatements(tables, userIdType);
  const toucher = new DurableToucher({ pool, statement: statements.touch, timeoutMs });
  const write = (touches: readonly AgedTouch[]) => toucher.touchMany(touches);
  const flushIntervalMs = settings.touchFlushIntervalMs;
  const finder = new DurableFinder({
    pool,
    statements: readStatements(tables, userIdType, DURABLE_COLUMNS),
    timeoutMs,
    logger,
  });
  const unwritten = new UnwrittenTouches({
    retryIntervalMs: Math.max(MIN_RETRY_INTERVAL_MS, flushIntervalMs),
    maxKept: MAX_UNWRITTEN_TOUCHES,
    maxBatch,
    write,
    logger,
  });
  return {
    ...parts,
    connection: {
      ...connection,
      close: async () => {
        await unwritten.stop();
        await connection.close();
      },
    },
    touches: new DurableTouchQueue(
      { flushIntervalMs, maxBatch, maxQueued: settings.maxQueuedTouches, write, logger },
      unwritten,
    ),
    finder,
    changer: new SessionChanger({
      pool,
      finder,
      timeoutMs,
      retentionMs,
      statements: changeStatements(tables, 'not-ended'),
    }),
    ender: new DurableEnder({ pool, statements, timeoutMs, retentionMs }),
    creator: new SessionCreator({ pool, statements: createStatements(tables, userIdType, 'not-ended'), retentionMs }),
    cleaner: new SessionCleaner({
      pool,
      tables,
      statements: cleanUpStatements(tables, settings),
      retentionMs,
      auditRetentionMs,
    }),
    changes: new HotChanges({ pool, statements, timeoutMs }),
  };
}
