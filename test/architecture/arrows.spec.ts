import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { LIBRARY, listImports, listReachablePackages, listSources, packageOf, ROOT } from './module-graph.js';

/** Which rooms and packages a room of the library may import, type imports included. Node's own modules are free. */
const ROOMS: Record<string, { rooms: string[]; packages: string[] }> = {
  core: { rooms: [], packages: [] },
  'stores/memory': { rooms: ['core'], packages: [] },
  'stores/redis': { rooms: ['core'], packages: ['ioredis'] },
  'stores/postgres': { rooms: ['core'], packages: ['typeorm', 'pg'] },
  'stores/hybrid': { rooms: ['core'], packages: [] },
  nest: {
    rooms: ['core'],
    packages: ['@nestjs/common', '@nestjs/core', '@nestjs/schedule', '@nestjs/websockets', 'rxjs', 'cookie'],
  },
  testing: { rooms: ['core'], packages: [] },
};

/** Where the hybrid store is put together from the parts of the two others. */
const COMPOSITION = { file: 'stores/hybrid/store/hybrid-store.ts', rooms: ['stores/redis', 'stores/postgres'] };

const OPTIONAL_PEERS = ['ioredis', 'typeorm', 'pg', '@nestjs/typeorm', '@nestjs/websockets'];

const roomOf = (file: string) => Object.keys(ROOMS).find((room) => file.startsWith(`${room}/`));

describe('arrows between the rooms of the library', () => {
  const sources = listSources(LIBRARY).filter((file) => file !== 'index.ts');

  it('finds the library, and a room for each of its files', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(sources.filter((file) => roomOf(file) === undefined)).toEqual([]);
  });

  it('lets each room import only what it may', () => {
    const wrong = sources.flatMap((file) => {
      const room = roomOf(file) ?? '';
      const allowed = ROOMS[room];
      return listImports(LIBRARY, file)
        .filter(({ specifier, file: target }) => {
          if (target === undefined) {
            return !specifier.startsWith('node:') && !allowed?.packages.includes(packageOf(specifier));
          }
          const targetRoom = roomOf(target);
          const rooms = [...(allowed?.rooms ?? []), ...(file === COMPOSITION.file ? COMPOSITION.rooms : [])];
          return targetRoom !== room && !rooms.includes(targetRoom ?? '');
        })
        .map(({ specifier }) => `${file} imports ${specifier}`);
    });
    expect(wrong).toEqual([]);
  });

  it('only imports files that are there', () => {
    const known = new Set([...sources, 'index.ts']);
    const missing = [...known].flatMap((file) =>
      listImports(LIBRARY, file)
        .filter((one) => one.file !== undefined && !known.has(one.file))
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('what an entry loads', () => {
  it('the root entry names no optional peer, neither in code nor in types (pain 36)', () => {
    const packages = listReachablePackages(LIBRARY, 'index.ts');
    expect(packages).toContain('@nestjs/common');
    expect(OPTIONAL_PEERS.filter((peer) => packages.has(peer))).toEqual([]);
  });

  it.each([
    ['stores/redis/index.ts', ['typeorm', 'pg', '@nestjs/typeorm', '@nestjs/common']],
    ['stores/postgres/index.ts', ['ioredis', '@nestjs/typeorm', '@nestjs/common']],
    ['testing/index.ts', [...OPTIONAL_PEERS, '@nestjs/common', '@jest/globals']],
  ])('%s stays clear of %j', (entry, forbidden) => {
    const packages = listReachablePackages(LIBRARY, entry);
    expect(forbidden.filter((name) => packages.has(name))).toEqual([]);
  });
});

describe('the applications', () => {
  it('use the library by its published entries only', () => {
    const apps = join(ROOT, 'apps');
    const wrong = listSources(apps).flatMap((file) =>
      listImports(apps, file)
        .filter(({ specifier }) => specifier.includes('libs/session') || specifier.startsWith('nest-sessions/src'))
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});
