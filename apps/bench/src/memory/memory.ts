import 'reflect-metadata';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { startRedisServer, startTestPostgres } from 'local-servers/testing';
import { SessionModule, SessionService, type SessionStoreDefinition } from 'nest-sessions';
import { hybridStore } from 'nest-sessions/hybrid';
import { postgresStore, sessionMigrations } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';

// Bytes that a session takes, in Redis by `used_memory` and in Postgres by the sizes of the tables.
// `npm run bench:memory -- --sessions 60000`

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '60000' } } });
const SESSIONS = Number(values.sessions);
const SESSIONS_PER_USER = [1, 3, 20];
const PARALLEL = 64;

const [redis, postgres] = await Promise.all([startRedisServer(), startTestPostgres()]);
const client = new Redis(redis.url);
try {
  const rows: object[] = [];
  for (const perUser of SESSIONS_PER_USER) {
    await client.flushall();
    rows.push({
      store: 'redis',
      'sessions a user': perUser,
      'bytes in Redis': await inRedis(redisStore({ url: redis.url }), perUser),
    });
  }
  for (const perUser of SESSIONS_PER_USER) {
    await client.flushall();
    const schema = await migrate({ hotChanges: true });
    const store = hybridStore({ redis: { url: redis.url }, postgres: { url: postgres.url, schema } });
    rows.push({ store: 'hybrid', 'sessions a user': perUser, 'bytes in Redis': await inRedis(store, perUser) });
  }
  const schema = await migrate({ hotChanges: false });
  await fill(postgresStore({ url: postgres.url, schema }), 3);
  rows.push({ store: 'postgres', 'sessions a user': 3, ...(await inPostgres(schema)) });
  console.table(rows);
} finally {
  client.disconnect();
  await Promise.all([redis.stop(), postgres.stop()]);
}

async function inRedis(store: SessionStoreDefinition, perUser: number): Promise<number> {
  const before = await usedMemory();
  await fill(store, perUser);
  return Math.round(((await usedMemory()) - before) / SESSIONS);
}

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]);
}

async function fill(store: SessionStoreDefinition, perUser: number): Promise<void> {
  @Module({ imports: [SessionModule.forRoot({ store, cleanup: false })] })
  class MemoryModule {}
  const app: INestApplicationContext = await NestFactory.createApplicationContext(MemoryModule, {
    logger: false,
    abortOnError: false,
  });
  const sessions = app.get(SessionService);
  let made = 0;
  const work = async () => {
    while (made < SESSIONS) {
      const userId = `user-${Math.floor(made / perUser)}`;
      made += 1;
      const data = { tenantId: 'tenant-7', roles: ['reader', 'writer'], theme: 'dark' };
      const userAgent =
        'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
      await sessions.create({ userId, data, amr: ['pwd'], ipAddress: '192.0.2.1', userAgent });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  await app.close();
}

async function migrate({ hotChanges }: { hotChanges: boolean }): Promise<string> {
  const schema = `memory_${Date.now()}`;
  const migrations = sessionMigrations({ schema, userIdType: 'text', hotChanges });
  const dataSource = await new DataSource({ type: 'postgres', url: postgres.url, schema, migrations }).initialize();
  await dataSource.query(`create schema ${schema}`);
  await dataSource.runMigrations();
  await dataSource.destroy();
  return schema;
}

async function inPostgres(schema: string) {
  const dataSource = await new DataSource({ type: 'postgres', url: postgres.url }).initialize();
  const sizes: object[] = await dataSource.query(
    `select round(pg_table_size('${schema}.sessions') / $1::numeric)::int as "heap bytes",
       round(pg_indexes_size('${schema}.sessions') / $1::numeric)::int as "index bytes",
       round(pg_total_relation_size('${schema}.session_audit') / $1::numeric)::int as "audit bytes"`,
    [SESSIONS],
  );
  await dataSource.destroy();
  return sizes[0];
}
