// Servers of tests, which keep nothing. Missing programs are installed where that needs no question.
export { findChromium } from './chromium.js';
export { findRedisBinary, hasDockerCompose } from './redis-binary.js';
export { startRedisInDocker, type DockerRedis } from './redis-docker.js';
export {
  startRedisCluster,
  startRedisSentinel,
  type RedisCluster,
  type RedisClusterOptions,
  type RedisSentinelGroup,
} from './redis-groups.js';
export { startRedisServer, type RedisServer, type RedisServerOptions } from './redis-server.js';
export { startTestPostgres, type TestPostgresOptions } from './test-postgres.js';
