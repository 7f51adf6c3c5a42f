import type { ConnectionOptions } from 'node:tls';
import type { RedisOptions } from 'ioredis';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import { reconnectDelayMs } from '../../../core/support/timers.js';
import { assertUsableClient, type RedisClient } from './redis-client.js';
import { unavailable } from './redis-errors.js';

const CONNECT_TIMEOUT_MS = 2_000;
const DISCONNECT_TIMEOUT_MS = 100;
const MIN_SOCKET_TIMEOUT_MS = 2_000;
const MAX_RETRY_DELAY_MS = 1_000;

/** A client, and whether the store owns it. */
export interface RedisConnection {
  readonly client: RedisClient;
  /** For messages: host and port, never credentials. */
  readonly address: string;
  /** The option that it comes from, for messages. */
  readonly option: string;
  readonly isOwned: boolean;
  /** Closes the client if the store owns it. */
  close(): void;
}

export interface OwnClientOptions {
  readonly url: string;
  readonly tls?: ConnectionOptions;
  readonly operationTimeoutMs: number;
}

/** Uses the application's client as it is, and never closes it. */
export function borrowClient(client: unknown, option: string): RedisConnection {
  assertUsableClient(client, option);
  return { client, address: describeAddress(client), option, isOwned: false, close: () => undefined };
}

/**
 * Opens a client that the store owns. It fails at once instead of queueing, gives up half-open sockets, and reconnects
 * within about a second for as long as the store runs.
 *
 * @throws {SessionConfigurationError} `ioredis`, an optional peer, is not installed.
 */
export async function openClient(
  { url, tls, operationTimeoutMs }: OwnClientOptions,
  load = () => import('ioredis'),
): Promise<RedisConnection> {
  const { Redis } = await load().catch((error: unknown) => {
    throw new SessionConfigurationError('redisStore.url', 'needs the package ioredis. Run "npm install ioredis".', {
      cause: error,
    });
  });
  const options: RedisOptions = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    socketTimeout: Math.max(MIN_SOCKET_TIMEOUT_MS, 4 * operationTimeoutMs),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => reconnectDelayMs(attempt, MAX_RETRY_DELAY_MS),
    // A master that became a replica keeps the connection open: leave it and look up the master again.
    reconnectOnError: (error) => error.message.includes('READONLY'),
    connectionName: 'nest-sessions',
  };
  const redis = new Redis(url, tls ? { ...options, tls } : options);
  // Every operation reports its own error. Without a listener ioredis would write each one to the console.
  redis.on('error', () => undefined);
  const client: RedisClient = redis;
  return {
    client,
    address: describeAddress(client),
    option: 'redisStore.url',
    isOwned: true,
    close: () => redis.disconnect(),
  };
}

/** @throws {SessionStoreUnavailableError} The client would queue or reject a command. */
export function assertConnected({ client, address }: RedisConnection): void {
  if (client.status !== 'ready') throw unavailable(`not connected to ${address} (${client.status})`);
}

/** @throws {SessionConfigurationError} Not a URL of Redis. The message omits it, since it may contain a password. */
export function assertRedisUrl(url: unknown): asserts url is string {
  if (typeof url === 'string' && URL.canParse(url) && /^rediss?:\/\/./i.test(url)) return;
  throw new SessionConfigurationError('redisStore.url', 'must be a URL such as redis://localhost:6379 or rediss://…');
}

function describeAddress(client: RedisClient): string {
  if (client.isCluster) return 'the cluster';
  const { host, port, path, sentinels, name } = client.options as RedisOptions;
  if (sentinels && sentinels.length > 0) return `the master "${name ?? ''}" of ${sentinels.length} sentinels`;
  return path ?? `${host ?? 'localhost'}:${port ?? 6379}`;
}
