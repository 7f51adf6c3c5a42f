import { assembleParts, openBackend, type PostgresParts, type PostgresSettings } from '../store/postgres-parts.js';
import type { AgedTouch } from '../operations/touch-queue.js';
import { DurableTouchQueue } from './durable-touch-queue.js';
import { durableTouchStatement, PostgresDurableToucher } from './durable-touch.js';
import { checkHotChanges } from './hot-changes-check.js';
import { HotChanges, hotChangesStatements } from './hot-changes.js';
import { UnwrittenTouches } from './unwritten-touches.js';

const MAX_UNWRITTEN_TOUCHES = 100_000;
const MIN_RETRY_INTERVAL_MS = 1_000;

export interface DurableSettings extends PostgresSettings {
  /** How long a session has to be expired before cleanup ends it, because a touch of it may still be on its way. */
  readonly expiryMarginMs: number;
}

export interface DurableParts extends PostgresParts {
  readonly changes: HotChanges;
}

/**
 * Opens the parts of a store whose sessions are also touched elsewhere, so that touches arrive late. Closes the connection
 * when anything is wrong, also when changes would not be recorded.
 */
export async function openDurableParts(settings: DurableSettings): Promise<DurableParts> {
  const backend = await openBackend(settings, checkHotChanges);
  const { connection, pool, tables } = backend;
  const { operationTimeoutMs: timeoutMs, maxTouchBatch: maxBatch, expiryMarginMs, logger } = settings;
  const toucher = new PostgresDurableToucher({ pool, statement: durableTouchStatement(tables), timeoutMs });
  const write = (touches: readonly AgedTouch[]) => toucher.touchMany(touches);
  const flushIntervalMs = settings.touchFlushIntervalMs;
  const unwritten = new UnwrittenTouches({
    retryIntervalMs: Math.max(MIN_RETRY_INTERVAL_MS, flushIntervalMs),
    maxKept: MAX_UNWRITTEN_TOUCHES,
    maxBatch,
    write,
    logger,
  });
  const touches = new DurableTouchQueue(
    { flushIntervalMs, maxBatch, maxQueued: settings.maxQueuedTouches, write, logger },
    unwritten,
  );
  const moreColumns = ['s.hot_data_version'];
  return {
    ...assembleParts(settings, backend, { touches, endable: 'not-ended', expiryMarginMs, moreColumns }),
    connection: {
      ...connection,
      close: async () => {
        await unwritten.stop();
        await connection.close();
      },
    },
    changes: new HotChanges({ pool, statements: hotChangesStatements(tables), timeoutMs }),
  };
}
