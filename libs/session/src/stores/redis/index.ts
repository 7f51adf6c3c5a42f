export { redisHotSessions, type RedisHotSessionsDefinition } from './hot/redis-hot.js';
export type { RedisClient } from './redis-client.js';
export { RedisSessionStore } from './redis-session.store.js';
export { redisStore, type RedisClientSource, type RedisStoreOptions, type RedisStoreSettings } from './redis-store.js';
