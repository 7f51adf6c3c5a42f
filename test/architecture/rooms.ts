import { packageOf, type ModuleImport } from './module-graph.js';

/** What the files of one room may import. */
export interface Room {
  /** Folders below the library's sources, and no others: a room may always import itself. */
  readonly rooms: readonly string[];
  readonly packages: readonly string[];
}

/** Rooms from the ground up; each may import those before it. */
function stack(prefix: string, names: readonly string[], below: readonly string[], packages: readonly string[]) {
  const rooms: Record<string, Room> = {};
  names.forEach((name, floor) => {
    const own = names.slice(0, floor).map((other) => `${prefix}/${other}`);
    rooms[`${prefix}/${name}`] = { rooms: [...below, ...own], packages };
  });
  return rooms;
}

const CORE = ['support', 'session', 'token', 'client', 'authentication', 'ports', 'events', 'service'];
const PORTS = CORE.slice(0, CORE.indexOf('service')).map((name) => `core/${name}`);
const NEST_PACKAGES = ['@nestjs/common', '@nestjs/core'];
const NEST = [
  'request',
  'access',
  'options',
  'transport',
  'cross-site',
  'connections',
  'cleanup',
  'policy',
  'http',
  'sockets',
  'guards',
  'decorators',
  'module',
];
const REDIS = ['connection', 'schema', 'operations', 'signals', 'store', 'hot'];
const POSTGRES = ['connection', 'schema', 'operations', 'signals', 'store', 'durable'];
const HYBRID = ['sides', 'upkeep', 'operations', 'signals', 'store'];

const nest = stack('nest', NEST, [...PORTS, 'core/service'], NEST_PACKAGES);
const hybrid = stack('stores/hybrid', HYBRID, PORTS, []);

/**
 * Every folder of the library with the folders and packages that its files may import, type imports included. Node's own
 * modules are free. Within core, within `nest` and within a store a room imports only rooms that stand before it.
 */
export const ROOMS: Readonly<Record<string, Room>> = {
  ...stack('core', CORE, [], []),
  ...stack('stores/memory', ['records', 'operations', 'signals', 'store'], PORTS, []),
  ...stack('stores/redis', REDIS, PORTS, ['ioredis']),
  ...stack('stores/postgres', POSTGRES, PORTS, ['typeorm', 'pg']),
  ...hybrid,
  // The one place where a store is put together from two others.
  'stores/hybrid/store': {
    rooms: [
      ...(hybrid['stores/hybrid/store']?.rooms ?? []),
      'stores/redis/store',
      'stores/redis/hot',
      'stores/postgres/durable',
    ],
    packages: [],
  },
  ...nest,
  ...withPackages('nest/transport', ['cookie']),
  ...withPackages('nest/connections', ['rxjs']),
  ...withPackages('nest/guards', ['rxjs']),
  ...withPackages('nest/sockets', ['@nestjs/websockets']),
  ...stack('testing', ['world', 'contract'], [...PORTS, 'core/service'], []),
};

function withPackages(name: string, packages: readonly string[]): Record<string, Room> {
  const room = nest[name];
  if (!room) throw new Error(`there is no room ${name}`);
  return { [name]: { rooms: room.rooms, packages: [...room.packages, ...packages] } };
}

/** The package's entries: each lists names of the rooms below its folder, the root entry those of core and `nest`, too. */
export const ENTRIES = {
  '.': 'index.ts',
  './store': 'store.ts',
  './redis': 'stores/redis/index.ts',
  './postgres': 'stores/postgres/index.ts',
  './hybrid': 'stores/hybrid/index.ts',
  './testing': 'testing/index.ts',
};

/** The room that a file stands in is its folder. */
export function roomOf(file: string): string {
  return file.slice(0, Math.max(0, file.lastIndexOf('/')));
}

/** The imports of a file that its room may not have, in words. */
export function findWrongArrows(file: string, imports: readonly ModuleImport[]): string[] {
  const room = roomOf(file);
  const allowed = ROOMS[room];
  return imports
    .filter(({ specifier, file: target }) => {
      if (target === undefined)
        return !specifier.startsWith('node:') && !allowed?.packages.includes(packageOf(specifier));
      return roomOf(target) !== room && !allowed?.rooms.includes(roomOf(target));
    })
    .map(({ specifier }) => `${file} imports ${specifier}`);
}
