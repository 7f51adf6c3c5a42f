import { Redis, type RedisOptions } from 'ioredis';
import { AsyncLocalStorage } from 'node:async_hooks';

/** Whether a request asked Redis for anything. */
export interface RedisCalls {
  asked: boolean;
}

export const redisCalls = new AsyncLocalStorage<RedisCalls>();

/** What the store sets on clients of its own. */
const OPTIONS = {
  connectTimeout: 2000,
  disconnectTimeout: 100,
  socketTimeout: 2000,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** (attempt - 1), 1000),
} satisfies RedisOptions;

/** Notes for each request that it asked Redis. */
export class ObservedRedis extends Redis {
  constructor(url: string) {
    super(url, OPTIONS);
    // Outages are what is measured here.
    this.on('error', () => undefined);
  }

  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    const calls = redisCalls.getStore();
    if (calls) calls.asked = true;
    return super.sendCommand(...args);
  }
}
