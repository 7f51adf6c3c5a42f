import { describe, expect, it } from '@jest/globals';
import { randomInt } from 'node:crypto';
import { fuzzParsers } from './parser-fuzz/fuzz-parsers.js';
import { measureGrowth } from './parser-fuzz/growth.js';

// A million of them: npm run fuzz -- --inputs 1000000 --seed N

const INPUTS = 20_000;

describe('the token parser, the cookie reader and the bearer reader', () => {
  it.each([
    ['a fixed seed', 20_251_123],
    ['a random seed', randomInt(2 ** 32)],
  ])(
    `take ${INPUTS} hostile inputs of %s (%i) as a second reading of the rules does, and ask the store for no malformed one`,
    async (_, seed) => {
      const report = await fuzzParsers({ inputs: INPUTS, seed });
      // Not by turning everything away.
      expect(report.believed.cookie).toBeGreaterThan(INPUTS / 20);
      expect(report.believed.bearer).toBeGreaterThan(INPUTS / 50);
      expect(report.contradictions).toBeGreaterThan(INPUTS / 20);
      expect(report.storeCalls).toBeGreaterThan(INPUTS / 20);
      expect(report.storeCalls).toBeLessThan(report.tokens / 2);
    },
    120_000,
  );

  it('take time in proportion to the length of what they read', async () => {
    const growth = await measureGrowth();
    expect(growth.filter(({ exponent }) => exponent > 1.4)).toEqual([]);
  });
});
