import { fileURLToPath } from 'node:url';
import { isAlive } from 'local-servers';
import {
  findRedisBinary,
  hasDockerCompose,
  startRedisInDocker,
  startRedisServer,
  startTestPostgres,
} from 'local-servers/testing';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const POLL_MS = 500;

interface SharedServer {
  readonly url: string;
  stop(): Promise<void>;
}

const SERVERS: readonly { readonly variable: string; readonly start: () => Promise<SharedServer> }[] = [
  { variable: 'TEST_REDIS_URL', start: startSharedRedis },
  { variable: 'TEST_POSTGRES_URL', start: startTestPostgres },
];

async function startSharedRedis(): Promise<SharedServer> {
  const useDocker = !(await findRedisBinary()) && (await hasDockerCompose());
  return useDocker ? startRedisInDocker(ROOT) : startRedisServer();
}

/** Ends Jest, and its workers with it, when a process that started it was killed. */
function endWith(pids: readonly number[]): void {
  setInterval(() => {
    if (!pids.every(isAlive)) process.exit(1);
  }, POLL_MS).unref();
}

/** Starts the servers that all specs share, except those that the environment names, and gives the workers their URLs. */
export async function startSharedServers(): Promise<readonly SharedServer[]> {
  const runnerPids = (process.env['TEST_RUNNER_PIDS'] ?? '').split(',').filter(Boolean).map(Number);
  process.env['TEST_RUNNER_PIDS'] = [...runnerPids, process.pid].join(',');
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
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (failures.length === 0) return started;
  // Jest runs no tear-down after a set-up that failed.
  await Promise.allSettled(started.map((server) => server.stop()));
  throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map(String).join('\n'));
}
