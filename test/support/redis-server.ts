import { afterAll, beforeAll } from '@jest/globals';
import type { Redis } from 'ioredis';
import { startRedisServer, type RedisServer } from 'local-servers/testing';

/** The server that `useRedisServer` started; not there before the hooks ran. */
export type UsedRedisServer = Pick<RedisServer, 'url' | 'port' | 'kill'>;

/** Starts a Redis for the tests of a block, and stops it after them. */
export function useRedisServer(): UsedRedisServer {
  let server: RedisServer | undefined;
  const running = () => {
    if (!server) throw new Error('Redis runs within tests and hooks only');
    return server;
  };
  beforeAll(async () => {
    server = await startRedisServer();
  });
  afterAll(() => server?.stop());
  return {
    get url() {
      return running().url;
    },
    get port() {
      return running().port;
    },
    kill: (signal) => running().kill(signal),
  };
}

/** Removes all keys, and the limit of memory that a test may have set. */
export async function emptyRedis(redis: Redis): Promise<void> {
  await redis.config('SET', 'maxmemory', '0');
  await redis.flushall();
}
