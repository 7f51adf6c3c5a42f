import type { Random } from './random.js';

/** What a request brings: `Cookie` headers, `Authorization` headers; and a text that is given for a token. */
export interface FuzzInput {
  readonly cookies: string | readonly string[] | undefined;
  readonly authorization: readonly string[];
  readonly token: string;
}

/** Real ones, from which near misses are made. */
export interface FuzzSeeds {
  readonly cookieName: string;
  readonly tokens: readonly string[];
  readonly bearers: readonly string[];
}

const JUNK = [
  '',
  'undefined',
  'null',
  '0',
  '{}',
  '[]',
  '"',
  '..',
  '%00',
  '\0',
  'é',
  '\u00a0',
  'eyJhbGciOiJub25lIn0.e30.',
  'a=b',
];
const PAIR_ENDS = ['; ', ';', ' ; ', ';\t', ';;', ',', '&', '\r\n', '', '; ; ', '\u00a0;'];
const EQUALS = ['=', ' = ', '\t=', '==', ':', '', '=\u00a0', '%3D'];
const OTHER_NAMES = ['a', '__proto__', 'constructor', '', 'toString', 'Path', '$Version'];
const BLANKS = ['\u00a0', '\u00c2\u00a0', '\u00e2\u0080\u0080', '\u000b', '\f', '\ufeff', '%20', '"', '\0'];
const SCHEMES = [
  'Bearer',
  'bearer',
  'BEARER',
  'bEaReR',
  'Bearer:',
  'Bear',
  'Bearers',
  'Basic',
  'Session',
  ' Bearer',
  '',
  'Bea\u0280er',
];
const GAPS = [' ', '  ', '   ', '\t', ' \t', '', '\u00a0', '=', ' ,'];

/** Some input: grammar with mistakes in it, mutations of it, or plain noise. */
export function makeInput(random: Random, seeds: FuzzSeeds): FuzzInput {
  const cookies = Array.from({ length: random.below(3) }, () => makeCookieHeader(random, seeds));
  const authorization = Array.from({ length: random.pick([0, 0, 1, 1, 1, 2, 4]) }, () =>
    makeAuthorization(random, seeds),
  );
  const [only] = cookies;
  return {
    cookies: cookies.length > 1 ? cookies : random.below(4) === 0 && only !== undefined ? [only] : only,
    authorization,
    token: makeToken(random, seeds),
  };
}

function makeToken(random: Random, seeds: FuzzSeeds): string {
  switch (random.below(6)) {
    case 0:
      return random.pick(seeds.tokens);
    case 1:
      return random.pick(seeds.bearers);
    case 2:
      return random.pick(JUNK);
    case 3:
      return makeNoise(random, 0xffff);
    default:
      return mutate(random, random.pick(seeds.tokens));
  }
}

function makeCookieHeader(random: Random, seeds: FuzzSeeds): string {
  if (random.below(12) === 0) return makeNoise(random, 0xff);
  let header = '';
  for (let pairs = random.below(6); pairs >= 0; pairs--) {
    header += makeCookieName(random, seeds) + random.pick(EQUALS.slice(0, random.pick([1, 1, 1, EQUALS.length])));
    header += makeValue(random, seeds) + random.pick(PAIR_ENDS.slice(0, random.pick([2, 2, PAIR_ENDS.length])));
  }
  return random.below(5) === 0 ? mutate(random, header) : header;
}

function makeCookieName(random: Random, { cookieName }: FuzzSeeds): string {
  switch (random.below(6)) {
    case 0:
    case 1:
      return cookieName;
    case 2:
      return random.pick(BLANKS) + cookieName;
    case 3:
      return random.pick([cookieName.toLowerCase(), cookieName.toUpperCase(), cookieName + random.pick(BLANKS)]);
    case 4:
      return mutate(random, cookieName);
    default:
      return random.pick(OTHER_NAMES);
  }
}

function makeValue(random: Random, seeds: FuzzSeeds): string {
  const value = makeToken(random, seeds);
  return random.below(8) === 0 ? `"${value}"` : random.below(8) === 0 ? ` ${value}\t` : value;
}

function makeAuthorization(random: Random, seeds: FuzzSeeds): string {
  if (random.below(12) === 0) return makeNoise(random, 0xff);
  const scheme = random.pick(SCHEMES.slice(0, random.pick([3, SCHEMES.length])));
  const gap = random.pick(GAPS.slice(0, random.pick([3, GAPS.length])));
  const bearer = random.pick(seeds.bearers);
  const credentials = random.pick([
    bearer,
    bearer,
    mutate(random, bearer),
    mutate(random, bearer),
    makeToken(random, seeds),
  ]);
  const header = scheme + gap + credentials;
  return random.below(6) === 0 ? mutate(random, header) : header;
}

function makeNoise(random: Random, maxCode: number): string {
  return random.text(random.below(200) === 0 ? random.below(16_384) : random.below(200), maxCode);
}

/** One to three small changes. */
function mutate(random: Random, text: string): string {
  let changed = text;
  for (let count = random.below(3); count >= 0; count--) changed = mutateOnce(random, changed);
  return changed;
}

function mutateOnce(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const to = at + random.below(8);
  const [before, cut, after] = [text.slice(0, at), text.slice(at, to), text.slice(to)];
  switch (random.below(9)) {
    case 0:
      return before + random.text(1, 0xff) + text.slice(at + 1);
    case 1:
      return before + random.pick(['A', 'z', '0', '_', '-', '+', '/', '=', '.', '~']) + text.slice(at + 1);
    case 2:
      return before + random.text(1, 0xff) + text.slice(at);
    case 3:
      return before + after;
    case 4:
      return before + cut + cut + after;
    case 5:
      return before + cut.split('').toReversed().join('') + after;
    case 6:
      return before + cut.toUpperCase() + after.toLowerCase();
    case 7:
      return random.pick([before, text + text, text + cut, ` ${text}`, `${text}\n`]);
    default:
      return before + encodeURIComponent(cut.toWellFormed()) + after;
  }
}
