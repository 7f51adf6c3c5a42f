import { parseDuration, type Duration } from '../../../core/session/duration.js';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import { definePostgres, type PostgresDefinition, type PostgresStoreOptions } from '../store/postgres-store.js';
import type { PostgresSettings } from '../store/postgres-parts.js';
import { PostgresDurableSessions } from './postgres-durable-sessions.js';

export type PostgresDurableOptions = PostgresStoreOptions & {
  /**
   * How long a session has to be expired before cleanup ends it, because touches may still arrive from other instances.
   * At least ten times `touchFlushInterval`. Default: ten times `touchFlushInterval`, and at least `'1m'`.
   */
  readonly expiryMargin?: Duration;
};

const MIN_MARGIN_MS = 60_000;
const MARGIN_IN_FLUSHES = 10;

/**
 * Defines the durable side of a hybrid store, in the tables of `sessionMigrations({ hotChanges: true })`.
 *
 * @throws {SessionConfigurationError} An option is wrong.
 */
export function postgresDurableSessions(
  options: PostgresDurableOptions = {},
): PostgresDefinition<PostgresDurableSessions> {
  const construct = (settings: PostgresSettings) => {
    const expiryMarginMs = chooseMargin(options, settings.touchFlushIntervalMs);
    return new PostgresDurableSessions({ ...settings, expiryMarginMs });
  };
  return definePostgres(options, construct, ['expiryMargin']);
}

function chooseMargin({ expiryMargin }: PostgresDurableOptions, touchFlushIntervalMs: number): number {
  const leastMs = MARGIN_IN_FLUSHES * touchFlushIntervalMs;
  if (expiryMargin === undefined) return Math.max(MIN_MARGIN_MS, leastMs);
  const marginMs = parseDuration(expiryMargin, 'postgresStore.expiryMargin');
  if (marginMs >= leastMs) return marginMs;
  throw new SessionConfigurationError(
    'postgresStore.expiryMargin',
    `must be at least ten times touchFlushInterval, which is ${leastMs} ms`,
  );
}
