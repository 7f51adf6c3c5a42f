import { hrtime } from 'node:process';
import { FuzzWorld, PREFIX } from './fuzz-world.js';
import { makeInput, type FuzzInput } from './inputs.js';
import { expectedBearers, expectedCookies, expectedSessionId } from './oracle.js';
import { Random } from './random.js';

export interface FuzzReport {
  readonly inputs: number;
  readonly bytes: number;
  /** How many texts were given for tokens, and how many of them the store was asked for. */
  readonly tokens: number;
  readonly storeCalls: number;
  /** Requests that the parsers believed, by transport, and those that contradicted themselves. */
  readonly believed: Readonly<Record<'cookie' | 'bearer', number>>;
  readonly contradictions: number;
  /** The slowest input, the best of five runs of it. */
  readonly worst: { readonly ns: number; readonly nsPerByte: number };
}

/** Overhead of a call would be most of what a byte of a shorter input costs. */
const MIN_BYTES_FOR_RATE = 64;

/**
 * Feeds generated inputs to the parsers and compares what they make of each, and what the store is asked, with a second
 * reading of the rules.
 *
 * @throws {Error} On the first difference, with seed, number and input.
 */
export async function fuzzParsers({ inputs, seed }: { inputs: number; seed: number }): Promise<FuzzReport> {
  const world = await FuzzWorld.open();
  const random = new Random(seed);
  const report = { bytes: 0, tokens: 0, storeCalls: 0, contradictions: 0, believed: { cookie: 0, bearer: 0 } };
  const worst = { ns: 0, nsPerByte: 0 };
  for (let number = 1; number <= inputs; number++) {
    const input = makeInput(random, world.seeds);
    try {
      const carried = await compare(world, input, report);
      if (carried.token !== undefined && carried.transport) report.believed[carried.transport] += 1;
      if (carried.contradiction) report.contradictions += 1;
      noteTime(world, input, { report, worst });
    } catch (error) {
      throw new Error(`input ${number} of seed ${seed}: ${JSON.stringify(input)}`, { cause: error });
    }
  }
  return { inputs, ...report, worst };
}

async function compare(world: FuzzWorld, input: FuzzInput, report: { tokens: number; storeCalls: number }) {
  const carried = world.read(input);
  const cookies = expectedCookies(input.cookies, world.seeds.cookieName);
  const bearers = expectedBearers(input.authorization, PREFIX);
  const isContradictory = cookies.length + bearers.length > 1 || (bearers.length > 0 && input.authorization.length > 1);
  const believed = isContradictory ? undefined : (cookies[0] ?? bearers[0]);
  const rejectedTokens = isContradictory ? [...cookies, ...bearers.filter((token) => token !== undefined)] : [];
  same('contradiction', carried.contradiction !== undefined, isContradictory);
  same('token', carried.token, believed);
  same('rejectedTokens', JSON.stringify(carried.rejectedTokens), JSON.stringify(rejectedTokens));
  same('ambient', carried.transport === 'bearer', !isContradictory && believed !== undefined && cookies.length === 0);
  for (const token of [carried.token, ...carried.rejectedTokens, input.token]) {
    for (const kind of ['plain', 'keyed'] as const) {
      const asked = await world.check(kind, token);
      same(`store calls (${kind})`, asked.join(), expectedFind(world, kind, token ?? '') ?? '');
      report.tokens += 1;
      report.storeCalls += asked.length;
    }
  }
  return carried;
}

/** With keys, nobody but us can make a token that gets through: the seeds of the second half are ours. */
function expectedFind({ seeds }: FuzzWorld, kind: 'plain' | 'keyed', token: string): string | undefined {
  const isOurs = seeds.tokens.slice(seeds.tokens.length / 2).includes(token);
  return kind === 'plain' || isOurs ? expectedSessionId(token) : undefined;
}

function noteTime(
  world: FuzzWorld,
  input: FuzzInput,
  { report, worst }: { report: { bytes: number }; worst: { ns: number; nsPerByte: number } },
): void {
  const bytes = [input.cookies ?? [], input.authorization, input.token].flat(2).join('').length;
  report.bytes += bytes;
  const rateOf = (ns: number) => ns / Math.max(bytes, MIN_BYTES_FOR_RATE);
  let ns = timeOf(world, input);
  // A pause for garbage is not the input's doing, so what looks slow is run again.
  for (let again = 0; again < 5 && (ns > worst.ns || rateOf(ns) > worst.nsPerByte); again++) {
    ns = Math.min(ns, timeOf(world, input));
  }
  worst.ns = Math.max(worst.ns, ns);
  worst.nsPerByte = Math.max(worst.nsPerByte, rateOf(ns));
}

function timeOf(world: FuzzWorld, input: FuzzInput): number {
  const startedAt = hrtime.bigint();
  world.read(input);
  world.plain.parse(input.token);
  return Number(hrtime.bigint() - startedAt);
}

function same(what: string, actual: unknown, expected: unknown): void {
  if (actual === expected) return;
  throw new Error(`${what} is ${JSON.stringify(actual)}, but should be ${JSON.stringify(expected)}`);
}
