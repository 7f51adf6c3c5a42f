import { FuzzWorld } from './fuzz-world.js';
import type { FuzzInput } from './inputs.js';

export interface Growth {
  readonly shape: string;
  /** 1: twice the length takes twice the time; 2: four times. */
  readonly exponent: number;
}

const SHORT = 2 ** 11;
/** As long as Node lets all headers of a request be. */
const LONG = 2 ** 14;
const SAMPLES = 3;
/** What a busy machine makes look steep is measured again; what is steep stays so. */
const ROUNDS = 4;
const SUSPICIOUS_EXPONENT = 1.2;
const MIN_SAMPLE_NS = 200_000;

const cookie = (header: string | readonly string[]): FuzzInput => ({ cookies: header, authorization: [], token: '' });
const authorization = (...headers: string[]): FuzzInput => ({ cookies: '', authorization: headers, token: '' });
const NAME = '__Host-session';

/** Inputs that careless parsers take more than linear time for, by their length in bytes. */
const SHAPES: Readonly<Record<string, (bytes: number) => FuzzInput>> = {
  'cookie: semicolons': (bytes) => cookie(';'.repeat(bytes)),
  'cookie: equals signs': (bytes) => cookie('='.repeat(bytes)),
  'cookie: blanks': (bytes) => cookie(' '.repeat(bytes)),
  'cookie: blanks around the name': (bytes) => cookie(`${'\t '.repeat(bytes / 4)}${NAME}${' \t'.repeat(bytes / 4)}=x`),
  'cookie: blanks inside the value': (bytes) => cookie(`${NAME}=a${' '.repeat(bytes)}b`),
  'cookie: pairs of blanks': (bytes) => cookie(' \t=\t ;'.repeat(bytes / 6)),
  'cookie: small pairs': (bytes) => cookie('a=b; '.repeat(bytes / 5)),
  'cookie: our name again and again': (bytes) => cookie(`${NAME}=a; `.repeat(bytes / 18)),
  'cookie: our name with other values': (bytes) =>
    cookie(Array.from({ length: bytes / 22 }, (_, index) => `${NAME}=${index}`).join('; ')),
  'cookie: one long name': (bytes) => cookie(`${'a'.repeat(bytes)}=b`),
  'cookie: no-break spaces': (bytes) => cookie('\u00a0'.repeat(bytes)),
  'cookie: many headers': (bytes) => cookie(Array.from({ length: bytes / 8 }, () => 'abc=defg')),
  'bearer: spaces': (bytes) => authorization(`Bearer${' '.repeat(bytes)}`),
  'bearer: spaces, then a token': (bytes) => authorization(`Bearer${' '.repeat(bytes)}nss_x`),
  'bearer: a long token': (bytes) => authorization(`Bearer nss_${'A'.repeat(bytes)}`),
  'bearer: the prefix again and again': (bytes) => authorization(`Bearer ${'nss_'.repeat(bytes / 4)}`),
  'bearer: the scheme again and again': (bytes) => authorization('Bearer '.repeat(bytes / 7)),
  'bearer: many headers': (bytes) => authorization(...Array.from({ length: bytes / 12 }, () => 'Bearer nss_x')),
  'token: letters': (bytes) => ({ ...cookie(''), token: 'A'.repeat(bytes) }),
  'token: dashes and a stranger': (bytes) => ({ ...cookie(''), token: `${'-'.repeat(bytes)}!` }),
};

/** How the time of each shape grows from 2 KiB to 16 KiB, by the fastest of several runs. */
export async function measureGrowth(): Promise<Growth[]> {
  const world = await FuzzWorld.open();
  return Object.entries(SHAPES).map(([shape, make]) => {
    const [short, long] = [make(SHORT), make(LONG)];
    const measure = () => Math.log(timeOf(world, long) / timeOf(world, short)) / Math.log(LONG / SHORT);
    let exponent = measure();
    for (let round = 1; round < ROUNDS && exponent > SUSPICIOUS_EXPONENT; round++) {
      exponent = Math.min(exponent, measure());
    }
    return { shape, exponent };
  });
}

function timeOf(world: FuzzWorld, input: FuzzInput): number {
  const samples = Array.from({ length: SAMPLES }, () => {
    const startedAt = process.hrtime.bigint();
    for (let runs = 1; ; runs++) {
      world.read(input);
      world.plain.parse(input.token);
      const elapsed = Number(process.hrtime.bigint() - startedAt);
      if (elapsed >= MIN_SAMPLE_NS) return elapsed / runs;
    }
  });
  return Math.min(...samples);
}
