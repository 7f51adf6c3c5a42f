import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startRedisServer, startTestPostgres } from 'local-servers/testing';
import { median } from '../statistics.js';
import { startServer, type RunningServer } from './server-process.js';
import { isPeer, routeOf, STORES, type VariantName } from './variants.js';
import { runWrk, writeWrkScript, type WrkResult } from './wrk.js';

// Requests per second of a guarded route, variant by variant, in interleaved rounds; with `--against` beside those of
// another checkout that was built. `--of` adds the ratio to other variants of the same run, round by round.
// `npm run bench:requests -- --stores none,hmget,redis,fastify-session --of none,hmget`

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const USERS = 1000;
const WARM_UP_SECONDS = 4;

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    stores: { type: 'string', default: STORES.join(',') },
    adapter: { type: 'string', default: 'fastify' },
    connections: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '3' },
    of: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const [connections, rounds, seconds] = [values.connections, values.rounds, values.seconds].map(Number) as [
  number,
  number,
  number,
];
const stores = values.stores.split(',') as VariantName[];
const references = values.of === '' ? [] : (values.of.split(',') as VariantName[]);
const libraries = [
  { label: 'here', folder: resolve('libs/session/dist/esm') },
  ...(values.against === undefined
    ? []
    : [{ label: 'there', folder: resolve(values.against, 'libs/session/dist/esm') }]),
];

interface Variant {
  readonly store: VariantName;
  readonly label: string;
  readonly server: RunningServer;
  readonly script: string;
  readonly samples: (WrkResult & { readonly cpuUsPerRequest: number })[];
}

const folder = await mkdtemp(join(tmpdir(), 'bench-requests-'));
const [redis, postgres] = await Promise.all([startRedisServer(), startTestPostgres()]);
const variants: Variant[] = [];
try {
  for (const store of stores) {
    // Peers and limits are the same beside any checkout.
    for (const { label, folder: library } of isPeer(store) ? libraries.slice(0, 1) : libraries) {
      const settings = {
        name: `${store}_${label}`.replaceAll(/\W/g, '_'),
        store,
        library,
        users: USERS,
        redisUrl: redis.url,
        postgresUrl: postgres.url,
      };
      const server = await startServer(
        { ...settings, adapter: values.adapter === 'express' ? 'express' : 'fastify' },
        SERVER_CORE,
      );
      const script = join(folder, `${settings.name}.lua`);
      await writeWrkScript(script, server.cookies);
      variants.push({ store, label, server, script, samples: [] });
    }
  }
  // A process that has just started may answer some requests too late for the store's deadline.
  for (const variant of variants) await measure(variant, WARM_UP_SECONDS, { mayFail: true });
  for (let round = 0; round < rounds; round += 1) {
    // Every other round goes the other way, so that none always comes after the same one.
    const order = round % 2 === 0 ? variants : variants.toReversed();
    for (const variant of order) variant.samples.push(await measure(variant, seconds, { mayFail: false }));
    console.error(`round ${round + 1} of ${rounds}`);
  }
  console.log(`${values.adapter}, ${connections} connections: medians of ${rounds} rounds of ${seconds} s`);
  const rows = variants.map((variant) => ({ variant: nameOf(variant), ...summarize(variant) }));
  console.log(toMarkdown(rows));
  if (values.json !== undefined) {
    const { adapter } = values;
    await writeFile(values.json, JSON.stringify({ adapter, connections, rounds, seconds, rows }, undefined, 2));
  }
} finally {
  await Promise.all(variants.map(({ server }) => server.stop()));
  await Promise.all([redis.stop(), postgres.stop()]);
  await rm(folder, { recursive: true, force: true });
}

async function measure({ store, server, script }: Variant, duration: number, { mayFail }: { mayFail: boolean }) {
  const before = await server.cpuUs();
  const result = await runWrk({
    url: server.url + routeOf(store),
    script,
    connections,
    seconds: duration,
    core: LOAD_CORE,
    mayFail,
  });
  return { ...result, cpuUsPerRequest: ((await server.cpuUs()) - before) / result.requests };
}

function summarize(variant: Variant) {
  const { samples, store, label } = variant;
  const across = (pick: (sample: Variant['samples'][number]) => number) => median(samples.map(pick));
  const rates = samples.map(({ requestsPerSecond }) => requestsPerSecond);
  const other = label === 'here' ? variants.find((one) => one.store === store && one.label === 'there') : undefined;
  const ratios = other && rates.map((rate, round) => rate / (other.samples[round]?.requestsPerSecond ?? NaN));
  return {
    'requests/s': Math.round(median(rates)),
    'min to max': `${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`,
    'CPU µs': Number(across((one) => one.cpuUsPerRequest).toFixed(1)),
    'p50 ms': Number(across((one) => one.p50Ms).toFixed(2)),
    'p99 ms': Number(across((one) => one.p99Ms).toFixed(2)),
    ...(libraries.length > 1 && { 'here/there': ratios ? Number(median(ratios).toFixed(2)) : '' }),
    ...Object.fromEntries(references.map((name) => [`of ${name}`, ratioTo(variant, name)])),
  };
}

function nameOf({ store, label }: Variant): string {
  return libraries.length > 1 && !isPeer(store) ? `${store}, ${label}` : store;
}

/** The median of the rounds' ratios, with the lowest and the highest. */
function ratioTo({ samples }: Variant, name: VariantName): string {
  const reference = variants.find(({ store, label }) => store === name && label === 'here');
  const ratios = samples.flatMap(({ requestsPerSecond }, round) => {
    const other = reference?.samples[round];
    return other ? [requestsPerSecond / other.requestsPerSecond] : [];
  });
  if (ratios.length === 0) return '';
  const [middle, low, high] = [median(ratios), Math.min(...ratios), Math.max(...ratios)];
  return `${middle.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
}

function toMarkdown(rows: readonly Readonly<Record<string, string | number>>[]): string {
  const [first = {}] = rows;
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  const columns = Object.keys(first);
  return [
    line(columns),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map((name) => row[name] ?? ''))),
  ].join('\n');
}
