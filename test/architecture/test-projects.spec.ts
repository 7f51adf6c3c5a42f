import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { listImports, ROOT } from './module-graph.js';

const { UNIT_SPECS } = (await import(join(ROOT, 'jest.config.js'))) as { UNIT_SPECS: readonly string[] };
const FOLDERS = ['apps', 'libs', 'scripts', 'test'];

/** Both kinds of stars that the patterns of jest.config.js use. */
const matches = (path: string, pattern: string) =>
  new RegExp(`^${pattern.replaceAll('.', '\\.').replace('**/', '(?:.+/)?').replaceAll('*', '[^/]*')}$`).test(path);

const isUnit = (path: string) => UNIT_SPECS.some((pattern) => matches(path, pattern));

const specs = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
)
  .map((path) => path.split(sep).join('/'))
  .filter((path) => path.endsWith('.spec.ts') && !/\/(?:dist|node_modules)\//.test(path));

/** The way by which a file comes to start or to address a server, as the files that import one another. */
function findWayToServers(file: string, seen = new Set<string>()): string[] | undefined {
  if (file === 'test/support/servers.ts' || file.startsWith('local-servers')) return [file];
  if (seen.has(file)) return undefined;
  seen.add(file);
  for (const { specifier, file: target, isType } of listImports(ROOT, file)) {
    if (isType) continue;
    const next = specifier.startsWith('local-servers') ? specifier : target;
    const way = next === undefined ? undefined : findWayToServers(next, seen);
    if (way) return [file, ...way];
  }
  return undefined;
}

describe('the projects of the tests', () => {
  it('have specs each, and each pattern of the unit project finds some', () => {
    const units = specs.filter(isUnit);
    expect(units.length).toBeGreaterThan(50);
    expect(specs.length - units.length).toBeGreaterThan(100);
    for (const pattern of UNIT_SPECS) expect(units.some((path) => matches(path, pattern))).toBe(true);
  });

  it('keep servers out of unit specs: a spec that needs a server belongs to integration', () => {
    const wrong = specs.filter(isUnit).flatMap((spec) => {
      const way = findWayToServers(spec);
      return way ? [`${spec} needs a server: it belongs to integration (by ${way.slice(1).join(', ')})`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it('find the servers of a spec that has some', () => {
    expect(findWayToServers('test/integration/redis/boot.spec.ts')?.at(-1)).toMatch(/servers/);
    expect(findWayToServers('test/architecture/test-projects.spec.ts')).toBeUndefined();
  });
});
