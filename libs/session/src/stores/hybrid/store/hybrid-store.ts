import { CircuitBreaker } from '../sides/circuit-breaker.js';
import { parseDuration, type Duration } from '../../../core/session/duration.js';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { SessionStoreContext, SessionStoreDefinition } from '../../../core/ports/store-definition.js';
import { assertStoreOptions, parseShortDuration } from '../../../core/ports/store-options.js';
import { postgresDurableSessions, type PostgresDurableOptions } from '../../postgres/durable/postgres-durable.js';
import { redisHotSessions } from '../../redis/hot/redis-hot.js';
import type { RedisStoreOptions } from '../../redis/store/redis-store.js';
import { assembleHybrid } from './assemble-hybrid.js';

export interface HybridStoreOptions {
  /** Where the hot copies and the session data are: options of `redisStore`. */
  readonly redis: RedisStoreOptions;
  /** Where the durable record is: options of `postgresStore`. Needs `sessionMigrations({ hotChanges: true })`. */
  readonly postgres?: PostgresDurableOptions;
  /**
   * Top-level keys of the session data that Postgres holds as well. They survive the loss of Redis and can be read while
   * Redis does not answer. Default: none.
   */
  readonly durableKeys?: readonly string[];
  /** How long calls fail at once after a side did not answer, before one call tries it again. Default `'1s'`. */
  readonly breakerPeriod?: Duration;
  /** How often, about, each instance works off what is pending between the sides. Default `'1s'`. */
  readonly sweepInterval?: Duration;
  /** How often, about, each instance compares all hot copies with Postgres. `false`: only when asked to. Default `'1h'`. */
  readonly reconcileInterval?: Duration | false;
}

/** One unanswered call opens the breaker of Redis, because Postgres can answer instead. Nothing stands in for Postgres. */
const HOT_THRESHOLD = 1;
const DURABLE_THRESHOLD = 3;

const OPTION_NAMES: readonly (keyof HybridStoreOptions)[] = [
  'redis',
  'postgres',
  'durableKeys',
  'breakerPeriod',
  'sweepInterval',
  'reconcileInterval',
];

/**
 * Keeps sessions in Redis and Postgres: Redis answers requests, Postgres decides which sessions are live.
 *
 * Without the option `postgres`, Postgres is the application's default DataSource. Its migrations include
 * `sessionMigrations({ hotChanges: true })`.
 *
 * @example
 * ```ts
 * SessionModule.forRoot({
 *   store: hybridStore({
 *     redis: { url: 'redis://localhost:6379' },
 *     durableKeys: ['tenantId'],
 *     sweepInterval: '1s',
 *   }),
 *   idleTimeout: '30m',
 *   absoluteTimeout: '12h',
 * });
 * ```
 *
 * @throws {SessionConfigurationError} An option is unknown or invalid.
 */
export function hybridStore(options: HybridStoreOptions): SessionStoreDefinition {
  assertStoreOptions(options, 'hybridStore', OPTION_NAMES);
  if (!options.redis) {
    throw new SessionConfigurationError(
      'hybridStore.redis',
      'is missing. Set it to options of redisStore, such as { url }',
    );
  }
  const hot = redisHotSessions(options.redis);
  const durable = postgresDurableSessions(options.postgres ?? {});
  const { breakerPeriod = '1s', sweepInterval = '1s', reconcileInterval = '1h', durableKeys = [] } = options;
  if (!Array.isArray(durableKeys) || durableKeys.some((key) => typeof key !== 'string' || key === '')) {
    throw new SessionConfigurationError('hybridStore.durableKeys', 'must be an array of names of top-level keys');
  }
  const periodMs = parseShortDuration(breakerPeriod, 'hybridStore.breakerPeriod');
  const sweepIntervalMs = parseShortDuration(sweepInterval, 'hybridStore.sweepInterval');
  const reconcileIntervalMs =
    reconcileInterval !== false && parseDuration(reconcileInterval, 'hybridStore.reconcileInterval');
  return {
    name: 'hybrid',
    keepsHistory: true,
    inject: [...hot.inject, ...durable.inject],
    create: (context: SessionStoreContext, ...injected: unknown[]) =>
      assembleHybrid({
        hot: hot.create(context, ...injected.slice(0, hot.inject.length)),
        durable: durable.create(context, ...injected.slice(hot.inject.length)),
        hotBreaker: new CircuitBreaker({ name: hot.name, threshold: HOT_THRESHOLD, periodMs }),
        durableBreaker: new CircuitBreaker({ name: durable.name, threshold: DURABLE_THRESHOLD, periodMs }),
        durableKeys: [...durableKeys],
        logger: context.logger,
        sweepIntervalMs,
        reconcileIntervalMs,
      }).store,
  };
}
