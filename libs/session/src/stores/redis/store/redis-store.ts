import type { ConnectionOptions } from 'node:tls';
import type { Duration } from '../../../core/session/duration.js';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { SessionDependencyToken, SessionStoreDefinition } from '../../../core/ports/store-definition.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { assertStoreOptions, parseShortDuration } from '../../../core/ports/store-options.js';
import { assertUsableClient, type RedisClient } from '../connection/redis-client.js';
import { assertRedisUrl, borrowClient, openClient } from '../connection/redis-connection.js';
import type { BackendSettings } from '../connection/connect-backend.js';
import { RedisSessionStore, type RedisSessionStoreSettings } from './redis-session.store.js';

/** Source of the client, and settings of the store. */
export type RedisStoreOptions = RedisClientSource & RedisStoreSettings;

export type RedisClientSource =
  /**
   * The store opens its own client and closes it. Credentials and database as in `redis://user:password@host:6379/2`.
   */
  | { readonly url: string; readonly tls?: ConnectionOptions; readonly client?: never; readonly clientToken?: never }
  /**
   * The application's `Redis` (a single server or Sentinel) or `Cluster` of ioredis 5 or 6. The store never closes it.
   */
  | { readonly client: RedisClient; readonly url?: never; readonly clientToken?: never }
  /** The token under which Nest provides such a client. The store never closes it. */
  | { readonly clientToken: SessionDependencyToken; readonly url?: never; readonly client?: never };

export interface RedisStoreSettings {
  /** Start of every key, after the `keyPrefix` of the client if it has one. Default `'nest-sessions'`. */
  readonly keyPrefix?: string;
  /**
   * How long an operation may take before it fails, whatever the client's options are. At most `'1h'`. Default
   * `'500ms'`.
   */
  readonly operationTimeout?: Duration;
  /** How long to wait for Redis at boot. At most `'1h'`. Default `'5s'`. */
  readonly startTimeout?: Duration;
}

const OPTION_NAMES = ['url', 'tls', 'client', 'clientToken', 'keyPrefix', 'operationTimeout', 'startTimeout'] as const;

/**
 * Stores sessions in Redis 6.2 or newer, or in Valkey: a single server, Sentinel or a Cluster.
 *
 * @example
 * ```ts
 * SessionModule.forRoot({ store: redisStore({ url: 'redis://localhost:6379' }) });
 *
 * // With a client of your own, which stays open when the application stops:
 * const client = new Redis({ sentinels: [{ host: 'sentinel-1', port: 26379 }], name: 'mymaster' });
 * SessionModule.forRoot({ store: redisStore({ client, keyPrefix: 'shop' }) });
 * ```
 *
 * @throws {SessionConfigurationError} An option is invalid.
 */
export function redisStore(options: RedisStoreOptions): SessionStoreDefinition {
  const { inject, settingsFor } = resolveRedisOptions(options);
  return {
    name: 'redis',
    needsCleanup: false,
    inject,
    create: ({ logger }, injected) => new RedisSessionStore(settingsFor(logger, injected)),
  };
}

export interface ResolvedRedisOptions {
  readonly inject: readonly SessionDependencyToken[];
  /** @param injected - The value that Nest provides for the token of `inject`. */
  readonly settingsFor: (logger: SessionLogger, injected: unknown) => RedisSessionStoreSettings;
}

/**
 * Checks options and fills in defaults.
 *
 * @throws {SessionConfigurationError} An option is invalid.
 */
export function resolveRedisOptions(options: RedisStoreOptions): ResolvedRedisOptions {
  assertStoreOptions(options, 'redisStore', OPTION_NAMES);
  const { keyPrefix = 'nest-sessions', operationTimeout = '500ms', startTimeout = '5s' } = options;
  assertOneSource(options);
  assertKeyPrefix(keyPrefix);
  const settings = {
    keyPrefix,
    operationTimeoutMs: parseShortDuration(operationTimeout, 'redisStore.operationTimeout'),
    startTimeoutMs: parseShortDuration(startTimeout, 'redisStore.startTimeout'),
  };
  return {
    inject: options.clientToken === undefined ? [] : [options.clientToken],
    settingsFor: (logger, injected) => ({
      ...settings,
      logger,
      connect: chooseConnect(options, injected, settings),
    }),
  };
}

function chooseConnect(
  options: RedisStoreOptions,
  injected: unknown,
  { operationTimeoutMs }: { operationTimeoutMs: number },
): BackendSettings['connect'] {
  const { url, client, clientToken } = options;
  if (url !== undefined) {
    const { tls } = options;
    return () => openClient({ url, tls, operationTimeoutMs });
  }
  const option = clientToken === undefined ? 'redisStore.client' : 'redisStore.clientToken';
  const connection = borrowClient(clientToken === undefined ? client : injected, option);
  return () => Promise.resolve(connection);
}

function assertOneSource({ url, client, clientToken }: RedisStoreOptions): void {
  const given = [url, client, clientToken].filter((source) => source !== undefined);
  if (given.length !== 1) {
    throw new SessionConfigurationError('redisStore', 'needs exactly one of url, client and clientToken');
  }
  if (url !== undefined) assertRedisUrl(url);
  if (client !== undefined) assertUsableClient(client, 'redisStore.client');
}

function assertKeyPrefix(keyPrefix: unknown): void {
  if (typeof keyPrefix === 'string' && /^[^\s{}]+$/.test(keyPrefix)) return;
  throw new SessionConfigurationError(
    'redisStore.keyPrefix',
    'must be a non-empty text without white space and without braces, which would decide the slot in a Cluster',
  );
}
