import 'reflect-metadata';
import { hybridStore } from 'nest-sessions/hybrid';
import { postgresStore, sessionMigrations } from 'nest-sessions/postgres';
import { DataSource } from 'typeorm';
import { pollUntil } from 'local-servers';
import { startRedisServer, startTestPostgres } from 'local-servers/testing';
import { runClosedLoop, type Sample } from './closed-loop.js';
import { startGuardedApp, type GuardedApp } from './guarded-app.js';
import { ObservedRedis } from './redis-calls.js';
import { median, quantile } from './statistics.js';

// What a guarded route costs while Redis hangs: the request that tries Redis once per breaker period, all others, and
// the same route on Postgres alone. `npm run bench:redis-hang [rounds]`

const ROUNDS = Number(process.argv[2] ?? 7);
const USERS = 200;
const CONNECTIONS = 4;
const STEADY_MS = 2000;
const FROZEN_MS = 6000;
const DEADLINE_MS = 500;
const BREAKER_PERIOD_MS = 1000;

const CASES = [
  'hybrid',
  'hybrid, Redis frozen: tries Redis',
  'hybrid, Redis frozen: all others',
  'Postgres only',
] as const;
type Case = (typeof CASES)[number];
const PHASES = ['hybrid', 'frozen', 'plain'] as const;
type Phase = (typeof PHASES)[number];
type Round = Record<Case, readonly Sample[]>;

async function migrate(url: string, schema: string): Promise<void> {
  const migrations = sessionMigrations({ schema, userIdType: 'text', hotChanges: schema === 'hybrid' });
  const dataSource = await new DataSource({ type: 'postgres', url, schema, migrations }).initialize();
  await dataSource.query(`create schema ${schema}`);
  await dataSource.runMigrations();
  await dataSource.destroy();
}

const [redis, postgres] = await Promise.all([startRedisServer(), startTestPostgres()]);
const client = new ObservedRedis(redis.url);
const apps: GuardedApp[] = [];
try {
  await Promise.all(['hybrid', 'plain'].map((schema) => migrate(postgres.url, schema)));
  const hybrid = await startGuardedApp(
    hybridStore({
      redis: { client, operationTimeout: `${DEADLINE_MS}ms` },
      postgres: { url: postgres.url, schema: 'hybrid' },
      breakerPeriod: `${BREAKER_PERIOD_MS}ms`,
    }),
    USERS,
  );
  const plain = await startGuardedApp(postgresStore({ url: postgres.url, schema: 'plain' }), USERS);
  apps.push(hybrid, plain);

  const steady = (app: GuardedApp) => runClosedLoop(app, { connections: CONNECTIONS, durationMs: STEADY_MS });
  const frozen = async () => {
    redis.kill('SIGSTOP');
    try {
      return await runClosedLoop(hybrid, { connections: CONNECTIONS, durationMs: FROZEN_MS });
    } finally {
      redis.kill('SIGCONT');
      await pollUntil('Redis does not answer again', async () => {
        const samples = await runClosedLoop(hybrid, { connections: 1, durationMs: 50 });
        return samples.every(({ askedRedis }) => askedRedis);
      });
    }
  };

  const measure = { hybrid: () => steady(hybrid), frozen, plain: () => steady(plain) };

  await Promise.all([measure.hybrid(), measure.plain()]);
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // Every other round goes the other way, so that none always comes after the same one.
    const order = round % 2 === 0 ? PHASES : PHASES.toReversed();
    const samples = new Map<Phase, readonly Sample[]>();
    for (const phase of order) samples.set(phase, await measure[phase]());
    const of = (phase: Phase) => samples.get(phase) ?? [];
    rounds.push({
      hybrid: of('hybrid'),
      'hybrid, Redis frozen: tries Redis': of('frozen').filter(({ askedRedis }) => askedRedis),
      'hybrid, Redis frozen: all others': of('frozen').filter(({ askedRedis }) => !askedRedis),
      'Postgres only': of('plain'),
    });
    console.error(`round ${round + 1} of ${ROUNDS}`);
  }
  console.log(`medians of ${ROUNDS} rounds, ms; deadline ${DEADLINE_MS}, breaker period ${BREAKER_PERIOD_MS}`);
  console.table(Object.fromEntries(CASES.map((name) => [name, summarize(rounds.map((round) => round[name]))])));
} finally {
  await Promise.all(apps.map((app) => app.close()));
  client.disconnect();
  await Promise.all([redis.stop(), postgres.stop()]);
}

function summarize(rounds: readonly (readonly Sample[])[]) {
  const durations = rounds.map((samples) => samples.map(({ durationMs }) => durationMs));
  const across = (share: number) => Number(median(durations.map((values) => quantile(values, share))).toFixed(2));
  const worst = Number(
    durations
      .flat()
      .reduce((a, b) => Math.max(a, b), 0)
      .toFixed(2),
  );
  return {
    requests: median(rounds.map(({ length }) => length)),
    p50: across(0.5),
    p99: across(0.99),
    max: across(1),
    worst,
  };
}
