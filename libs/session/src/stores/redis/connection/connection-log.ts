import type { SessionLogger } from '../../../core/support/logger.js';
import type { RedisConnection } from './redis-connection.js';
import { describeRedisError } from './redis-errors.js';

/**
 * Logs once when the connection of the store's own client is lost, and once when it is back.
 *
 * @returns A function that stops the logging.
 */
export function logConnection({ client, address }: RedisConnection, logger: SessionLogger): () => void {
  let lastError: unknown;
  let isLost = false;
  const listeners = {
    error: (error: unknown) => {
      lastError = error;
    },
    close: () => {
      if (isLost) return;
      isLost = true;
      const reason = lastError === undefined ? '' : ` (${describeRedisError(lastError)})`;
      logger.warn(`lost the connection to Redis at ${address}${reason}: sessions are unavailable until it is back`);
    },
    ready: () => {
      if (isLost) logger.log(`connected to Redis at ${address} again`);
      isLost = false;
      lastError = undefined;
    },
  };
  const events = Object.entries(listeners);
  for (const [event, listener] of events) client.on(event, listener);
  return () => {
    for (const [event, listener] of events) client.off(event, listener);
  };
}
