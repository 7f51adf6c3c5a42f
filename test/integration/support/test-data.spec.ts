import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { createTestSchema } from '../../support/postgres.js';
import { createTestPrefix } from '../../support/redis.js';

describe('the data of a spec file', () => {
  it('has a Redis prefix of its own, which says what would stay for ever (better-auth/better-auth#10992)', async () => {
    const mine = createTestPrefix();
    const other = createTestPrefix();
    const redis = new Redis(mine.url);
    await redis.set(`${mine.prefix}:a`, '1', 'EX', 60);
    await redis.set(`${mine.prefix}:b`, '1');
    expect(await mine.listKeysWithoutExpiry()).toEqual([`${mine.prefix}:b`]);
    expect(await other.listKeys()).toEqual([]);
    await Promise.all([mine.drop(), other.drop()]);
    expect(await redis.exists(`${mine.prefix}:a`, `${mine.prefix}:b`)).toBe(0);
    await redis.quit();
  });

  it('has a Postgres schema of its own, which is gone in the end', async () => {
    const mine = await createTestSchema();
    const { url, schema } = mine;
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(`create table ${schema}.things (id int)`);
    await mine.drop();
    const { rows } = await client.query('select 1 from pg_namespace where nspname = $1', [schema]);
    expect(rows).toEqual([]);
    await client.end();
  });
});
