import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { MemorySessionStore } from '#src/stores/memory/store/memory-session.store.js';
import type { SessionStoreDefinition } from 'nest-sessions';
import { hybridStore } from 'nest-sessions/hybrid';
import { postgresStore, sessionMigrations } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import { DataSource } from 'typeorm';
import { PostgresWorld } from '../../integration/postgres/world.js';
import { createTestSchema } from '../../support/postgres.js';
import { createTestPrefix } from '../../support/redis.js';
import { getServerUrl } from '../../support/servers.js';

/** A backend of its own for one application. */
export interface E2eStore {
  readonly definition: SessionStoreDefinition;
  /** How many keys or rows the backend holds, ended sessions and audit included. */
  countEntries(): Promise<number>;
  /** All that the backend holds, as text. */
  dump(): Promise<string>;
  close(): Promise<void>;
}

export async function openMemory(): Promise<E2eStore> {
  let store: MemorySessionStore | undefined;
  const create = () => (store = new MemorySessionStore({ maxSessions: 100_000, now: () => new Date() }));
  return {
    definition: { name: 'memory', inject: [], create },
    countEntries: async () => store?.size ?? 0,
    dump: async () => inspect(store, { depth: null, maxArrayLength: null }),
    close: async () => undefined,
  };
}

export async function openRedis(): Promise<E2eStore> {
  const url = getServerUrl('TEST_REDIS_URL');
  const keyPrefix = `e2e-${randomUUID()}`;
  const admin = new Redis(url);
  const listKeys = () => admin.keys(`${keyPrefix}:*`);
  return {
    definition: redisStore({ url, keyPrefix, operationTimeout: '5s' }),
    countEntries: async () => (await listKeys()).length,
    dump: async () => dumpHashes(admin, await listKeys()),
    close: async () => {
      const keys = await listKeys();
      if (keys.length > 0) await admin.del(keys);
      await admin.quit();
    },
  };
}

export async function openPostgres(): Promise<E2eStore> {
  const world = await PostgresWorld.open();
  const dataSource = await world.openDataSource({ poolSize: 10 });
  return {
    definition: postgresStore({ dataSource, schema: world.schema, operationTimeout: '5s' }),
    countEntries: async () => {
      const [row] = await world.query<{ rows: string }>(
        'select (select count(*) from sessions) + (select count(*) from session_audit) as rows',
      );
      return Number(row?.rows);
    },
    dump: async () =>
      JSON.stringify([
        await world.query('select to_jsonb(s) as session from sessions s'),
        await world.query('select to_jsonb(a) as audit from session_audit a'),
      ]),
    close: () => world.close(),
  };
}

/** A hybrid store on the servers that all specs share. */
export async function openHybrid(): Promise<E2eStore> {
  const database = await createTestSchema();
  const { schema, url } = database;
  const keys = createTestPrefix();
  const admin = await openMigrated({ url, schema });
  return {
    definition: hybridStore({
      redis: { url: keys.url, keyPrefix: keys.prefix, operationTimeout: '5s' },
      postgres: { url, schema, operationTimeout: '5s' },
    }),
    countEntries: async () => {
      const [row] = await admin.query<{ rows: string }[]>(
        `select (select count(*) from ${schema}.sessions) + (select count(*) from ${schema}.session_audit) as rows`,
      );
      return (await keys.listKeys()).length + Number(row?.rows);
    },
    dump: async () => {
      const redis = new Redis(keys.url);
      const hashes = await dumpHashes(redis, await keys.listKeys());
      await redis.quit();
      return JSON.stringify([
        hashes,
        await admin.query(`select to_jsonb(s) as session from ${schema}.sessions s`),
        await admin.query(`select to_jsonb(a) as audit from ${schema}.session_audit a`),
      ]);
    },
    close: async () => {
      await Promise.all([admin.destroy(), keys.drop()]);
      await database.drop();
    },
  };
}

async function dumpHashes(redis: Redis, keys: readonly string[]): Promise<string> {
  return JSON.stringify(await Promise.all(keys.map(async (key) => [key, await redis.hgetall(key)])));
}

/** The tables that a hybrid store needs, in this schema. */
export async function openMigrated({ url, schema }: { url: string; schema: string }): Promise<DataSource> {
  const migrations = sessionMigrations({ schema, userIdType: 'text', hotChanges: true });
  const dataSource = await new DataSource({ type: 'postgres', url, schema, migrations, poolSize: 2 }).initialize();
  await dataSource.runMigrations();
  return dataSource;
}
