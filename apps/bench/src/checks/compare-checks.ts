import { execa } from 'execa';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startRedisServer, startTestPostgres } from 'local-servers/testing';
import { median } from '../statistics.js';
import type { VariantName } from '../requests/variants.js';
import type { CheckSettings } from './check-program.js';

// CPU of one check without HTTP, variant by variant, in interleaved rounds; the process on one core, servers on the other.
// `npm run bench:checks -- --against ../older`

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    variants: { type: 'string', default: 'hmget,select,memory,redis,hybrid,postgres' },
    checks: { type: 'string', default: '100000' },
    'in-flight': { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
  },
});
const PROGRAM = new URL('check-program.ts', import.meta.url).pathname;
const USERS = 2_000;

const [redis, postgres] = await Promise.all([startRedisServer(), startTestPostgres()]);
const measured = new Map<string, { cpuUs: number; wallUs: number }[]>();
try {
  for (let round = 1; round <= Number(values.rounds); round += 1) {
    for (const store of values.variants.split(',') as VariantName[]) {
      const isBare = store === 'hmget' || store === 'select';
      await measure(store, store, '.', round);
      if (values.against !== undefined && !isBare) await measure(`${store}, there`, store, values.against, round);
    }
    console.error(`round ${round} of ${values.rounds}`);
  }
  console.log(`${values['in-flight']} checks in flight: medians of ${values.rounds} rounds`);
  console.log('| variant | CPU µs a check | lowest to highest | wall µs a check |');
  console.log('| --- | --- | --- | --- |');
  for (const [name, samples] of measured) {
    const cpu = samples.map(({ cpuUs }) => cpuUs);
    const wall = median(samples.map(({ wallUs }) => wallUs));
    const range = `${Math.min(...cpu).toFixed(1)} to ${Math.max(...cpu).toFixed(1)}`;
    console.log(`| ${name} | ${median(cpu).toFixed(1)} | ${range} | ${wall.toFixed(1)} |`);
  }
} finally {
  await Promise.all([redis.stop(), postgres.stop()]);
}

async function measure(name: string, store: VariantName, checkout: string, round: number): Promise<void> {
  const settings: CheckSettings = {
    store,
    name: `checks_${name.replaceAll(/\W+/g, '_')}_${round}`,
    adapter: 'fastify',
    library: resolve(checkout, 'libs/session/dist/esm'),
    redisUrl: redis.url,
    postgresUrl: postgres.url,
    users: USERS,
    checks: Number(values.checks),
    inFlight: Number(values['in-flight']),
  };
  const { stdout } = await execa('taskset', [
    '-c',
    '0',
    process.execPath,
    ...process.execArgv,
    PROGRAM,
    JSON.stringify(settings),
  ]);
  const sample = JSON.parse(stdout) as { cpuUs: number; wallUs: number };
  measured.set(name, [...(measured.get(name) ?? []), sample]);
}
