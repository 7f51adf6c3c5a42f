export { findChromium } from './chromium.mjs';
export { startRedisCluster, startRedisSentinel } from './redis-groups.mjs';
export { startRedisServer } from './redis-server.mjs';
export { startTestPostgres as startPostgresServer } from './test-postgres.mjs';
