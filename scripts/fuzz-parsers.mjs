// npm run fuzz -- --inputs 1000000 --seed 7: hostile inputs for the parsers of cookies, bearer tokens and tokens.
// Ends with 1 and the input when the parsers differ from the rules, or when some input costs more than linear time.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import 'reflect-metadata';
import { fuzzParsers } from '../test/security/parser-fuzz/fuzz-parsers.ts';
import { measureGrowth } from '../test/security/parser-fuzz/growth.ts';

const MAX_EXPONENT = 1.4;

const { values } = parseArgs({ options: { inputs: { type: 'string' }, seed: { type: 'string' } } });
const inputs = toCount('inputs', values.inputs ?? '1000000');
const seed = toCount('seed', values.seed ?? String(randomInt(2 ** 32)));

console.log(`${inputs} inputs of seed ${seed}`);
const startedAtMs = performance.now();
const report = await fuzzParsers({ inputs, seed });
console.log(`took ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
console.log(`bytes read                 ${report.bytes}`);
console.log(
  `requests believed          ${report.believed.cookie} by cookie, ${report.believed.bearer} by bearer token`,
);
console.log(`requests in contradiction  ${report.contradictions}`);
console.log(
  `texts given for tokens     ${report.tokens}, of which ${report.storeCalls} well formed: as many store calls`,
);
console.log(`slowest input              ${(report.worst.ns / 1000).toFixed(1)} µs`);
console.log(`slowest per byte           ${report.worst.nsPerByte.toFixed(0)} ns (inputs under 64 bytes count as 64)`);

const growth = await measureGrowth();
console.log('\ntime grows with length to the power of (2 KiB to 16 KiB)');
for (const { shape, exponent } of growth) console.log(`  ${exponent.toFixed(2).padStart(5)}  ${shape}`);
const tooSteep = growth.filter(({ exponent }) => exponent > MAX_EXPONENT);
if (tooSteep.length > 0) console.error(`✖ more than linear: ${tooSteep.map(({ shape }) => shape).join(', ')}`);
process.exitCode = tooSteep.length > 0 ? 1 : 0;

function toCount(name, text) {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a number, but is ${text}`);
}
