import { createHash, randomBytes } from 'node:crypto';
import { DataSource } from 'typeorm';
import type { SessionStore } from 'nest-sessions/store';
import { postgresStore, sessionMigrations, type UserIdType } from 'nest-sessions/postgres';
import type { StoreHarness } from 'nest-sessions/testing';
import { getServerUrl, QUIET_CONTEXT } from './store-context.js';

const digest = (name: string) => createHash('sha256').update(name).digest();

/** A user id of each type for any name. */
const USER_ID_FOR: Record<UserIdType, (name: string) => string> = {
  text: (name) => name,
  bigint: (name) => String(digest(name).readBigInt64BE() >> 1n),
  uuid: (name) =>
    digest(name)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5'),
};

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
  const instances: SessionStore[] = [];

  const openStore = async () => {
    const opened = await postgresStore({ url, schema, userIdType, operationTimeout: '10s' }).create(QUIET_CONTEXT);
    instances.push(opened);
    await opened.start();
    return opened;
  };

  const close = async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
    await admin.query(`drop schema if exists "${schema}" cascade`);
    await admin.destroy();
  };

  const migrateAndOpen = async () => {
    await admin.query(`create schema "${schema}"`);
    await admin.runMigrations();
    return openStore();
  };

  const store = await migrateAndOpen().catch(async (error: unknown) => {
    await close();
    throw error;
  });

  return {
    store,
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
    userIdFor: (name) => USER_ID_FOR[userIdType](name),
    close,
  };
}
