import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../architecture/module-graph.js';
import { isTest, proofsIn, readRows, titlesOf } from './proof-table.js';

/** Advisories, threads and reports, in the order of the table. */
const SOURCES = [
  'CVE-2022-25896',
  'CVE-2023-29019',
  'CVE-2023-29020',
  'CVE-2022-24895',
  'CVE-2024-35220',
  'CVE-2024-31999',
  'CVE-2025-46336',
  'CVE-2019-16782',
  'CVE-2026-39324',
  'CVE-2023-20862',
  'CVE-2023-20866',
  'CVE-2015-3982',
  'CVE-2015-5143',
  'CVE-2015-5963',
  'CVE-2015-5964',
  'GHSA-xg6x-h9c9-2m83',
  'PR #6966',
  'multi-session sign-out',
  'GHSA-cq3f-vc6p-68fh',
  'CVE-2026-22706',
  'CVE-2025-69211',
  'CVE-2026-2293',
  'CVE-2026-54281',
  '#632',
  '#935',
  '#328',
  'CVE-2019-15658',
  'CVE-2024-47764',
  'CVE-2026-56762',
  'GHSA-26pp-8wgv-hjvm',
  'CVE-2026-47675',
  'CVE-2026-44457',
  'CVE-2026-24472',
  'CVE-2026-22030',
  'CVE-2023-29003',
  'CVE-2024-43787',
  'CVE-2024-48913',
  'CVE-2025-7339',
  'cookie prefix bypass',
  'CVE-2026-47674',
  'March 2021',
];
const SOURCE = /CVE-\d+-\d+|GHSA(?:-\w{4}){3}|PR #\d+|#\d+|multi-session sign-out|cookie prefix bypass|March 2021/g;

const sourcesIn = (text: string): string[] => text.match(SOURCE) ?? [];

const rows = readRows('docs/known-vulnerabilities.md', /^\| (?!source|---)/).map(
  ([source = '', happened = '', here = '', test = '']) => ({ source, happened, here, proofs: proofsIn(test) }),
);

describe('docs/known-vulnerabilities.md', () => {
  it('has every source once', () => {
    expect(rows.flatMap(({ source }) => sourcesIn(source))).toEqual(SOURCES);
  });

  it('says of each what happened there and what keeps it from happening here, and names tests that exist', () => {
    for (const { source, happened, here, proofs } of rows) {
      expect([source, happened !== '', here !== '', proofs.length > 0]).toEqual([source, true, true, true]);
      for (const proof of proofs) expect([source, proof, isTest(proof)]).toEqual([source, proof, true]);
    }
  });

  it('names every test that is named after one of the sources, in the row of that source', () => {
    const specs = readdirSync(join(ROOT, 'test/security')).filter((name) => name.endsWith('.spec.ts'));
    const named = specs.flatMap((name) => {
      const path = `test/security/${name}`;
      return titlesOf(path).flatMap((title) => sourcesIn(title).map((source) => ({ path, title, source })));
    });
    expect(named.length).toBeGreaterThan(20);
    for (const { path, title, source } of named) {
      const row = rows.find((one) => sourcesIn(one.source).includes(source));
      const isNamed = row?.proofs.some((proof) => proof.path === path && title.includes(proof.name));
      expect([title, source, isNamed]).toEqual([title, source, true]);
    }
  });
});
