import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { getServerUrl } from './servers.js';

export interface TestSchema {
  readonly url: string;
  readonly schema: string;
  /** Drops the schema and its contents, unless `KEEP_TEST_DATA` is set. */
  drop(): Promise<void>;
}

/** Creates a schema for this spec file alone. */
export async function createTestSchema(): Promise<TestSchema> {
  const url = getServerUrl('TEST_POSTGRES_URL');
  const schema = `test_${randomBytes(6).toString('hex')}`;
  await execute(url, `create schema ${schema}`);
  const drop = async () => {
    if (!process.env['KEEP_TEST_DATA']) await execute(url, `drop schema if exists ${schema} cascade`);
  };
  return { url, schema, drop };
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
