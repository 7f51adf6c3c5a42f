import { randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import type { SessionStore } from 'nest-sessions';
import { postgresStore, sessionMigrations, type UserIdType } from 'nest-sessions/postgres';
import type { StoreHarness } from 'nest-sessions/testing';
import { getServerUrl, QUIET_CONTEXT } from './store-context.js';

/** Postgres stores that open their own connections, in a schema of their own. */
export async function createPostgresHarness(userIdType: UserIdType = 'text'): Promise<StoreHarness> {
  const url = getServerUrl('TEST_POSTGRES_URL');
  const schema = `contract_${randomBytes(8).toString('hex')}`;
  const admin = new DataSource({
    type: 'postgres',
    url,
    schema,
    migrations: sessionMigrations({ schema, userIdType }),
  });
  await admin.initialize();
  await admin.query(`create schema "${schema}"`);
  await admin.runMigrations();
  const instances: SessionStore[] = [];

  const openStore = async () => {
    const store = await postgresStore({ url, schema, userIdType, operationTimeout: '10s' }).create(QUIET_CONTEXT);
    instances.push(store);
    await store.start();
    return store;
  };

  return {
    store: await openStore(),
    secondInstance: openStore,
    countEntries: async () => {
      const [row] = await admin.query<{ count: string }[]>(
        `select count(*) from "${schema}".sessions where ended_at is null`,
      );
      return Number(row?.count);
    },
    corrupt: async (id) => {
      await admin.query(`update "${schema}".sessions set data = '["of another time"]' where id = $1`, [id]);
    },
    close: async () => {
      await Promise.all(instances.map((store) => store.stop()));
      await admin.query(`drop schema "${schema}" cascade`);
      await admin.destroy();
    },
  };
}
