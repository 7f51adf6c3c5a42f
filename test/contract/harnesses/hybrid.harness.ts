import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { DataSource } from 'typeorm';
import type { SessionStore } from 'nest-sessions/store';
import { hybridStore } from 'nest-sessions/hybrid';
import { sessionMigrations } from 'nest-sessions/postgres';
import type { StoreHarness } from 'nest-sessions/testing';
import { getServerUrl, QUIET_CONTEXT } from './store-context.js';

/** Hybrid stores that open their own clients, in a schema and below a prefix of their own. */
export async function createHybridHarness(): Promise<StoreHarness> {
  const redisUrl = getServerUrl('TEST_REDIS_URL');
  const postgresUrl = getServerUrl('TEST_POSTGRES_URL');
  const name = `hybrid_${randomUUID().replaceAll('-', '')}`;
  const redis = new Redis(redisUrl);
  const postgres = new DataSource({
    type: 'postgres',
    url: postgresUrl,
    schema: name,
    migrations: sessionMigrations({ schema: name, userIdType: 'text', hotChanges: true }),
  });
  await postgres.initialize();
  await postgres.query(`create schema "${name}"`);
  await postgres.runMigrations();
  const instances: SessionStore[] = [];

  const openStore = async () => {
    const store = await hybridStore({
      redis: { url: redisUrl, keyPrefix: name, operationTimeout: '5s' },
      postgres: { url: postgresUrl, schema: name, operationTimeout: '10s' },
    }).create(QUIET_CONTEXT);
    instances.push(store);
    await store.start();
    return store;
  };

  const listKeys = async () => {
    const keys = new Set<string>();
    for await (const batch of redis.scanStream({ match: `${name}:*`, count: 1000 })) {
      for (const key of batch as string[]) keys.add(key);
    }
    return [...keys];
  };

  return {
    store: await openStore(),
    secondInstance: openStore,
    countEntries: async () => {
      const keys = (await listKeys()).filter((key) => key.endsWith('}'));
      const fields = await Promise.all(keys.map((key) => redis.hlen(key)));
      const [row] = await postgres.query<{ count: string }[]>(
        `select count(*) from "${name}".sessions where ended_at is null`,
      );
      return fields.reduce((sum, count) => sum + count, Number(row?.count));
    },
    corrupt: async (id) => {
      await postgres.query(`update "${name}".sessions set data = '["of another time"]' where id = $1`, [id]);
      // A copy that was believed would hide what has become of the row.
      for (const key of await listKeys()) await redis.hdel(key, id, `${id}:t`, `${id}:g`);
    },
    close: async () => {
      await Promise.all(instances.map((store) => store.stop()));
      const keys = await listKeys();
      if (keys.length > 0) await redis.del(keys);
      await redis.quit();
      await postgres.query(`drop schema "${name}" cascade`);
      await postgres.destroy();
    },
  };
}
