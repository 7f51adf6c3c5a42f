import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { LIBRARY, ROOT } from './module-graph.js';
import { ENTRIES } from './rooms.js';

interface Manifest {
  exports: Record<string, unknown>;
}

/** The names that an entry exports, types in italics of their own: `type Session`. */
function listExports(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(LIBRARY, file), 'utf8'), ts.ScriptTarget.ES2023);
  return source.statements
    .filter(ts.isExportDeclaration)
    .flatMap(({ exportClause, isTypeOnly }) =>
      exportClause && ts.isNamedExports(exportClause)
        ? exportClause.elements.map((one) => `${isTypeOnly || one.isTypeOnly ? 'type ' : ''}${one.name.text}`)
        : ['* (an entry lists its names by hand)'],
    )
    .toSorted();
}

describe('the published entries', () => {
  it('are the ones of package.json', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'libs/session/package.json'), 'utf8')) as Manifest;
    expect(Object.keys(manifest.exports).filter((name) => name !== './package.json')).toEqual(Object.keys(ENTRIES));
  });

  it.each(Object.entries(ENTRIES))('%s exports exactly these names', (_entry, file) => {
    expect(listExports(file)).toMatchSnapshot();
  });

  it('keep the root entry to what an application names, and the one for store authors to types', () => {
    expect(listExports(ENTRIES['.']).length).toBeLessThanOrEqual(85);
    expect(listExports(ENTRIES['./store']).filter((name) => !name.startsWith('type '))).toEqual([]);
  });
});
