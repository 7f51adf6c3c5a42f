import { startPrivateRedis } from 'local-servers';
import { join } from 'node:path';
import type { DemoConfig } from '../config/demo-config.js';
import { printableUrl } from '../config/environment.js';

/** A Redis for the sessions. */
export interface OpenRedis {
  readonly url: string;
  /** For people; holds no password. */
  readonly description: string;
  /** Stops a private server; does nothing to one that was only named by `REDIS_URL`. */
  stop(): Promise<void>;
}

export type RedisNeeds = Pick<DemoConfig, 'sessionStore' | 'redisUrl' | 'redisServer' | 'dataDir'>;

/**
 * The Redis of `REDIS_URL`, or else one started from the PATH, whose data outlives the process. `undefined` when the store
 * needs none.
 */
export async function openRedis({
  sessionStore,
  redisUrl,
  redisServer,
  dataDir,
}: RedisNeeds): Promise<OpenRedis | undefined> {
  if (sessionStore.kind !== 'redis' && sessionStore.kind !== 'hybrid') return undefined;
  if (redisUrl) {
    return { url: redisUrl, description: `Redis at ${printableUrl(redisUrl)} (REDIS_URL)`, stop: async () => {} };
  }
  if (!redisServer) throw new Error('without REDIS_URL a redis-server must have been found');
  const server = await startPrivateRedis({ command: redisServer, dataDir: join(dataDir, 'redis') });
  return {
    url: server.url,
    description: `a private Redis (${redisServer}) with its data in ${server.dataDir} (REDIS_URL is not set)`,
    stop: () => server.stop(),
  };
}
