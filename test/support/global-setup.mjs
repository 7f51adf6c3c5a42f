import { isAlive } from '../../scripts/lib/process-signals.mjs';
import { findRedisBinary, hasDockerCompose } from '../../scripts/lib/redis-binary.mjs';
import { startRedisInDocker } from '../../scripts/lib/redis-docker.mjs';
import { startRedisServer } from '../../scripts/lib/redis-server.mjs';
import { startTestPostgres } from '../../scripts/lib/test-postgres.mjs';

async function startSharedRedis() {
  const useDocker = !(await findRedisBinary()) && (await hasDockerCompose());
  return useDocker ? startRedisInDocker() : startRedisServer();
}

const POLL_MS = 500;
const SERVERS = [
  { variable: 'TEST_REDIS_URL', start: startSharedRedis },
  { variable: 'TEST_POSTGRES_URL', start: startTestPostgres },
];

/** Ends Jest, and its workers with it, when a process that started it was killed. */
function endWith(pids) {
  setInterval(() => {
    if (!pids.every(isAlive)) process.exit(1);
  }, POLL_MS).unref();
}

/** Starts the servers that all specs share, unless the environment names some, and tells the workers where they are. */
export default async function setUp() {
  const runnerPids = (process.env.TEST_RUNNER_PIDS ?? '').split(',').filter(Boolean).map(Number);
  process.env.TEST_RUNNER_PIDS = [...runnerPids, process.pid].join(',');
  endWith(runnerPids);
  const missing = SERVERS.filter(({ variable }) => !process.env[variable]);
  const outcomes = await Promise.allSettled(
    missing.map(async ({ variable, start }) => {
      const server = await start();
      process.env[variable] = server.url;
      return server;
    }),
  );
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  globalThis.testServers = started;
  if (failures.length === 0) return;
  // Jest runs no tear-down after a set-up that failed.
  await Promise.allSettled(started.map((server) => server.stop()));
  throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map(String).join('\n'));
}
