import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../architecture/module-graph.js';
import { isTest, proofsIn, readRows, titlesOf } from './proof-table.js';

const V7_SIZES: Readonly<Record<string, number>> = { '7.1': 3, '7.2': 4, '7.3': 2, '7.4': 5, '7.5': 3, '7.6': 2 };
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
