export type { RedisClient } from './connection/redis-client.js';
export {
  redisStore,
  type RedisClientSource,
  type RedisStoreOptions,
  type RedisStoreSettings,
} from './store/redis-store.js';
