import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../architecture/module-graph.js';
import { isTest, proofsIn, readRows, titlesOf } from './proof-table.js';

const V7_SIZES: Readonly<Record<string, number>> = { '7.1': 3, '7.2': 4, '7.3': 2, '7.4': 5, '7.5': 3, '7.6': 2 };
/** Requirements of other chapters that concern a library of sessions, or the demo's pages. */
const OTHERS: Readonly<Record<string, readonly number[]>> = {
  '3.3': [1, 2, 3, 4, 5],
  '3.4': [1, 4, 5, 6],
  '3.5': [1, 2, 3, 4, 8],
  '3.7': [2],
  '4.1': [3],
  '4.4': [2, 3, 4],
  '6.3': [5, 7],
  '6.5': [2],
  '6.7': [2],
  '6.8': [4],
  '8.2': [4],
  '8.3': [2],
  '9.1': [1, 2, 3],
  '9.2': [1, 2, 3],
  '11.2': [2, 4],
  '11.4': [1],
  '13.3': [1, 4],
  '14.2': [1],
  '14.3': [1, 2],
  '16.2': [1, 2, 5],
  '16.3': [1, 2, 3],
  '16.4': [1],
  '16.5': [1, 2, 3],
};
const OPEN = /\b(?:not yet|not provided|application)\b/;

const rows = readRows('docs/asvs.md', /^\| \d/).map(([id = '', level = '', how = '', test = '']) => {
  return { id, level, how, test, proofs: proofsIn(test) };
});

describe('docs/asvs.md', () => {
  it('has each requirement once, with its level, and all of V7', () => {
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(rows.filter(({ level }) => !/^[123]$/.test(level))).toEqual([]);
    const v7 = Object.entries(V7_SIZES).flatMap(([part, size]) =>
      Array.from({ length: size }, (_, index) => `${part}.${index + 1}`),
    );
    expect(ids.filter((id) => id.startsWith('7.'))).toEqual(v7);
  });

  it('has what concerns sessions in other chapters, in order', () => {
    const ids = rows.map(({ id }) => id).filter((id) => !id.startsWith('7.'));
    const wanted = Object.entries(OTHERS).flatMap(([part, numbers]) => numbers.map((number) => `${part}.${number}`));
    expect(ids).toEqual(expect.arrayContaining(wanted));
    expect(ids).toEqual(ids.toSorted((one, other) => one.localeCompare(other, 'en', { numeric: true })));
  });

  it('proves by a test of that name what the library does itself', () => {
    const own = rows.filter(({ how }) => !/^(?:application|not provided)/.test(how));
    const unnamed = own.filter(({ id, proofs }) => !proofs.some(({ name }) => name === `V${id}`));
    expect(unnamed.map(({ id }) => id)).toEqual([]);
  });

  it('names tests that exist, and none only where something is open', () => {
    for (const { id, how, test, proofs } of rows) {
      expect([id, test === 'none' ? OPEN.test(how) : proofs.length > 0]).toEqual([id, true]);
      for (const proof of proofs) expect([id, proof, isTest(proof)]).toEqual([id, proof, true]);
    }
  });

  it('has every requirement that a test in test/security is named after', () => {
    const specs = readdirSync(join(ROOT, 'test/security')).filter((name) => name.endsWith('.spec.ts'));
    const tested = specs
      .flatMap((name) => titlesOf(`test/security/${name}`))
      .flatMap((title) => {
        const id = /^V(\d+\.\d+\.\d+) /.exec(title)?.[1];
        return id === undefined ? [] : [id];
      });
    expect(tested.length).toBeGreaterThan(10);
    expect(tested.filter((id) => !rows.some((row) => row.id === id))).toEqual([]);
  });
});
