import type { SessionStoreDefinition } from '../../core/ports/store-definition.js';
import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { assertCount, assertKnownOptions } from './option-checks.js';

/** The job that removes what has expired and what is past its retention, for `SessionModuleOptions.cleanup`. */
export interface SessionCleanupOptions {
  /** Time between two runs, varied by a tenth: at most `'20d'`, such as `'1h'`. Default `'15m'`. */
  readonly interval?: Duration;
  /** The most rows of one kind in one step, such as `500`. Slow steps get smaller by themselves. Default `1000`. */
  readonly batchSize?: number;
  /** Starts no further step of a run after this time, such as `'30s'`; the next run goes on. Default `'10m'`. */
  readonly timeBudget?: Duration;
}

export interface CleanupSettings {
  /** Whether a job runs: not when it is turned off, and not for a store that needs none. */
  readonly scheduled: boolean;
  readonly intervalMs: number;
  readonly batchSize: number;
  readonly timeBudgetMs: number;
}

/** Timers of Node.js count to 2^31 ms; a tenth is added for the jitter. */
const MAX_INTERVAL_MS = 20 * 86_400_000;

/** @throws {SessionConfigurationError} A value is out of range, or a name is unknown. */
export function resolveCleanupSettings(
  cleanup: false | SessionCleanupOptions = {},
  { needsCleanup = true }: Pick<SessionStoreDefinition, 'needsCleanup'> = {},
): CleanupSettings {
  const given = cleanup === false ? {} : cleanup;
  assertKnownOptions(given, ['interval', 'batchSize', 'timeBudget'], 'cleanup');
  const { interval = '15m', batchSize = 1000, timeBudget = '10m' } = given;
  assertCount(batchSize, 'cleanup.batchSize');
  const intervalMs = parseDuration(interval, 'cleanup.interval');
  if (intervalMs > MAX_INTERVAL_MS) {
    throw new SessionConfigurationError('cleanup.interval', `must be at most '20d', but is '${interval}'`);
  }
  const timeBudgetMs = parseDuration(timeBudget, 'cleanup.timeBudget');
  return { scheduled: cleanup !== false && needsCleanup, intervalMs, batchSize, timeBudgetMs };
}
