import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../architecture/module-graph.js';

export interface Proof {
  readonly path: string;
  /** A part of the test's title, or of its group's. */
  readonly name: string;
}

/** The cells of those rows of a document's tables that begin so. */
export function readRows(document: string, begin: RegExp): readonly (readonly string[])[] {
  return readFileSync(join(ROOT, document), 'utf8')
    .split('\n')
    .filter((line) => begin.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The tests that a cell names. */
export function proofsIn(cell: string): Proof[] {
  return [...cell.matchAll(/`([^`]+)` "([^"]+)"/g)].map(([, path = '', name = '']) => ({ path, name }));
}

/** The titles of a spec's tests and groups. */
export function titlesOf(path: string): string[] {
  const source = readFileSync(join(ROOT, path), 'utf8');
  return [...source.matchAll(/(?:\b(?:it|describe|prove)|\))\(\s*(['"`])(.*?)\1\s*,/g)].map(
    ([, , title = '']) => title,
  );
}

export function isTest({ path, name }: Proof): boolean {
  return titlesOf(path).some((title) => title.includes(name));
}
