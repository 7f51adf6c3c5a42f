import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const STORES = join(import.meta.dirname, '../../libs/session/src/stores');

const storesWithSources = readdirSync(STORES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .filter((name) => readdirSync(join(STORES, name)).some((file) => file.endsWith('.ts')))
  .toSorted();

describe('the contract', () => {
  it('finds the stores of the library', () => {
    expect(storesWithSources).toEqual(expect.arrayContaining(['memory', 'postgres', 'redis']));
  });

  it.each(storesWithSources)('is run by the %s store, in full', (name) => {
    const spec = readFileSync(join(import.meta.dirname, `${name}.contract.spec.ts`), 'utf8');
    expect(spec).toMatch(/^describeSessionStore\(/m);
    expect(spec).not.toMatch(/\b(skip|todo|only|xdescribe|xit)\b/);
    // Only what lives in this process cannot be spoilt from outside.
    expect(spec.includes('without:')).toBe(name === 'memory');
  });
});
