// Real servers on this machine, without Docker: for the demo, which keeps their data, and for tests.
export {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './postgres/embedded-postgres.js';
export { pollUntil } from './processes/poll-until.js';
export { isAlive, signalProcess } from './processes/process-signals.js';
export {
  ServerStartError,
  startServerProcess,
  type ServerProcess,
  type ServerProcessOptions,
} from './processes/server-process.js';
export {
  findRedisOnPath,
  startPrivateRedis,
  type PrivateRedis,
  type PrivateRedisOptions,
} from './redis/private-redis.js';
