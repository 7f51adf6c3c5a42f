import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { fileArrows, findCircles, folderArrows } from './circles.js';
import { LIBRARY, listImports, listReachablePackages, listSources, ROOT } from './module-graph.js';
import { ENTRIES, findWrongArrows, roomOf, ROOMS } from './rooms.js';

const OPTIONAL_PEERS = ['ioredis', 'typeorm', 'pg', '@nestjs/typeorm', '@nestjs/websockets', '@nestjs/schedule'];

const entries: readonly string[] = Object.values(ENTRIES);
const sources = listSources(LIBRARY);
const inRooms = sources.filter((file) => !entries.includes(file) && file !== 'stores/memory/index.ts');
const graph = new Map(sources.map((file) => [file, listImports(LIBRARY, file)]));

describe('arrows between the rooms of the library', () => {
  it('finds the library, and a room for each of its files', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(inRooms.filter((file) => ROOMS[roomOf(file)] === undefined)).toEqual([]);
  });

  it('knows no room that is empty', () => {
    const inhabited = new Set(inRooms.map(roomOf));
    expect(Object.keys(ROOMS).filter((room) => !inhabited.has(room))).toEqual([]);
  });

  it('lets each room import only what it may', () => {
    const wrong = inRooms.flatMap((file) => findWrongArrows(file, graph.get(file) ?? []));
    expect(wrong).toEqual([]);
  });

  it('only imports files that are there', () => {
    const missing = sources.flatMap((file) =>
      (graph.get(file) ?? [])
        .filter((one) => one.file !== undefined && !graph.has(one.file))
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(missing).toEqual([]);
  });

  it('turns on no async hooks, which make every promise of the process slower', () => {
    const users = sources.filter((file) => graph.get(file)?.some(({ specifier }) => specifier.endsWith('async_hooks')));
    expect(users).toEqual([]);
  });

  it('has no circle of files, type imports included', () => {
    expect(findCircles(fileArrows(graph))).toEqual([]);
  });

  it('has no circle of folders, type imports included', () => {
    expect(findCircles(folderArrows(graph))).toEqual([]);
  });
});

describe('the checks themselves', () => {
  const from = (file: string, target: string) =>
    findWrongArrows(file, [{ specifier: target, file: target, dynamic: false }]);

  it('find a wrong arrow planted in any room: to a room above it, in another store, to a package', () => {
    for (const [room, { rooms, packages }] of Object.entries(ROOMS)) {
      const others = Object.keys(ROOMS).filter((other) => other !== room && !rooms.includes(other));
      for (const other of others) expect(from(`${room}/planted.ts`, `${other}/target.ts`)).toHaveLength(1);
      for (const other of rooms) expect(from(`${room}/planted.ts`, `${other}/target.ts`)).toEqual([]);
      const foreign = [...OPTIONAL_PEERS, '@nestjs/common', 'lodash'].filter((name) => !packages.includes(name));
      for (const name of foreign) {
        const planted = [{ specifier: name, file: undefined, dynamic: false }];
        expect(findWrongArrows(`${room}/planted.ts`, planted)).toHaveLength(1);
      }
    }
  });

  it('lets no two rooms import each other', () => {
    const both = Object.entries(ROOMS).flatMap(([room, { rooms }]) =>
      rooms.filter((other) => ROOMS[other]?.rooms.includes(room)).map((other) => `${room} and ${other}`),
    );
    expect(both).toEqual([]);
  });

  it('find a circle of two, of three and of a file with itself', () => {
    const planted = (arrows: Record<string, string[]>) => findCircles(new Map(Object.entries(arrows)));
    expect(planted({ a: ['b'], b: ['a'], c: ['a'] })).toEqual([['a', 'b']]);
    expect(planted({ a: ['b'], b: ['c'], c: ['a'], d: [] })).toEqual([['a', 'b', 'c']]);
    expect(planted({ a: ['a'] })).toEqual([['a']]);
    expect(planted({ a: ['b', 'c'], b: ['c'], c: [] })).toEqual([]);
  });

  it('find circles that any real arrow closes when it is turned around', () => {
    const arrows = folderArrows(graph);
    for (const [room, targets] of arrows) {
      for (const target of targets) {
        const turned = new Map(arrows).set(target, [...(arrows.get(target) ?? []), room]);
        expect(findCircles(turned).some((circle) => circle.includes(room) && circle.includes(target))).toBe(true);
      }
    }
  });
});

describe('what an entry loads', () => {
  it('the root entry names no optional peer, neither in code nor in types (nestjs/nest#16369)', () => {
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

const SERVERS = join(ROOT, 'libs/local-servers/src');
const SERVERS_ENTRIES = ['index.ts', 'testing/index.ts'];

/** Imports below a folder that reach into a library past its published entries. */
function findBackDoors(folder: string): string[] {
  return listSources(folder).flatMap((file) =>
    listImports(folder, file)
      .filter(({ specifier }) => /libs\/|^#src\/|^nest-sessions\/src|scripts\//.test(specifier))
      .map(({ specifier }) => `${file} imports ${specifier}`),
  );
}

describe('the applications', () => {
  it('use the libraries by their published entries only', () => {
    expect(findBackDoors(join(ROOT, 'apps'))).toEqual([]);
  });
});

describe('the library that runs local servers', () => {
  const servers = listSources(SERVERS);
  const serverGraph = new Map(servers.map((file) => [file, listImports(SERVERS, file)]));

  it('imports neither the applications nor the session library, and no framework', () => {
    const allowed = new Set(['execa', 'ioredis']);
    const wrong = [...serverGraph].flatMap(([file, imports]) =>
      imports
        .filter(({ specifier, file: target }) =>
          target === undefined ? !specifier.startsWith('node:') && !allowed.has(specifier) : target.startsWith('..'),
        )
        .map(({ specifier }) => `${file} imports ${specifier}`),
    );
    expect(servers.length).toBeGreaterThan(15);
    expect(wrong).toEqual([]);
  });

  it('needs nothing but Node in the entry that applications use', () => {
    const packages = [...listReachablePackages(SERVERS, 'index.ts')];
    expect(packages.filter((name) => !name.startsWith('node:'))).toEqual([]);
  });

  it('has no circle of folders', () => {
    expect(findCircles(folderArrows(serverGraph))).toEqual([]);
  });

  it('is used by its entries: `local-servers` and `local-servers/testing`', () => {
    for (const entry of SERVERS_ENTRIES) expect(servers).toContain(entry);
    for (const folder of ['test', 'scripts']) {
      const wrong = listSources(join(ROOT, folder)).flatMap((file) =>
        listImports(join(ROOT, folder), file).filter(({ specifier }) => specifier.includes('libs/local-servers')),
      );
      expect(wrong).toEqual([]);
    }
  });
});
