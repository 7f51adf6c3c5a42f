import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { MemorySessionStore, type SessionStoreDefinition } from 'nest-sessions';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import { PostgresWorld } from '../../integration/postgres-world.js';
import { getServerUrl } from '../../support/servers.js';

/** A backend of its own for one application. */
export interface E2eStore {
  readonly definition: SessionStoreDefinition;
  /** How many keys or rows the backend holds, ended sessions and audit included. */
  countEntries(): Promise<number>;
  close(): Promise<void>;
}

export async function openMemory(): Promise<E2eStore> {
  let store: MemorySessionStore | undefined;
  const create = () => (store = new MemorySessionStore({ maxSessions: 100_000, now: () => new Date() }));
  return {
    definition: { name: 'memory', inject: [], create },
    countEntries: async () => store?.size ?? 0,
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
    close: () => world.close(),
  };
}
