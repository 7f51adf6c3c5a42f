import 'reflect-metadata';
import { Controller, Get, Module, UseGuards, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ScheduleModule } from '@nestjs/schedule';
import type { Session, SessionStoreDefinition } from 'nest-sessions';
import { pathToFileURL } from 'node:url';
import { DataSource } from 'typeorm';
import type { ServerSettings } from './variants.js';

// A server of one variant, in a process of its own: prints `{ url, cookies }` once it listens, and ends with its input.

const settings = JSON.parse(process.argv[2] ?? '{}') as ServerSettings;
const library = pathToFileURL(`${settings.library}/`);
const load = <T>(entry: string) => import(new URL(entry, library).href) as Promise<T>;

const sessions = await load<typeof import('nest-sessions')>('index.js');
const { CurrentSession, SessionGuard, SessionModule, SessionService } = sessions;

@Controller()
class RouteController {
  @Get('open')
  open() {
    return { userId: 'user-0' };
  }

  @Get('guarded')
  @UseGuards(SessionGuard)
  guarded(@CurrentSession() { userId }: Session) {
    return { userId };
  }
}

@Module({
  imports: [ScheduleModule.forRoot(), SessionModule.forRoot({ store: await defineStore() })],
  controllers: [RouteController],
})
class ServerModule {}

const app = await createApp();
await app.listen(0, '127.0.0.1');
const service = app.get(SessionService);
const cookies: string[] = [];
for (let user = 0; user < settings.users; user += 1) {
  const data = { tenantId: `tenant-${user % 7}`, roles: ['reader', 'writer'], theme: 'dark' };
  const userAgent =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
  const { token } = await service.create({
    userId: `user-${user}`,
    data,
    amr: ['pwd'],
    ipAddress: '192.0.2.1',
    userAgent,
  });
  cookies.push(`__Host-session=${token}`);
}
process.stdout.write(`${JSON.stringify({ url: await app.getUrl(), cookies })}\n`);
process.stdin.resume().once('end', () => void app.close());

function createApp(): Promise<INestApplication> {
  const options = { logger: false, abortOnError: false } as const;
  return settings.adapter === 'fastify'
    ? NestFactory.create<NestFastifyApplication>(ServerModule, new FastifyAdapter(), options)
    : NestFactory.create(ServerModule, options);
}

async function defineStore(): Promise<SessionStoreDefinition> {
  const { store, redisUrl, postgresUrl, name } = settings;
  const redis = { url: redisUrl, keyPrefix: name };
  const postgres = { url: postgresUrl, schema: name };
  if (store === 'memory' || store === 'none') return sessions.memoryStore();
  if (store === 'redis')
    return (await load<typeof import('nest-sessions/redis')>('stores/redis/index.js')).redisStore(redis);
  const { postgresStore, sessionMigrations } =
    await load<typeof import('nest-sessions/postgres')>('stores/postgres/index.js');
  const migrations = sessionMigrations({ schema: name, userIdType: 'text', hotChanges: store === 'hybrid' });
  const dataSource = await new DataSource({
    type: 'postgres',
    url: postgresUrl,
    schema: name,
    migrations,
  }).initialize();
  await dataSource.query(`create schema ${name}`);
  await dataSource.runMigrations();
  await dataSource.destroy();
  if (store === 'postgres') return postgresStore(postgres);
  const { hybridStore } = await load<typeof import('nest-sessions/hybrid')>('stores/hybrid/index.js');
  return hybridStore({ redis, postgres });
}
