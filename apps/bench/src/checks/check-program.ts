import 'reflect-metadata';
import { Controller, Get, Module, UseGuards, type CanActivate, type ExecutionContext, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { pathToFileURL } from 'node:url';
import { DataSource } from 'typeorm';
import { median } from '../statistics.js';
import { PEERS, type PeerRequest } from '../requests/peers.js';
import { isPeer, type ServerSettings } from '../requests/variants.js';

// The CPU of one check without HTTP, in a process of its own: the guard is called with requests that nobody sent. Prints
// `{ cpuUs, wallUs }`, medians of five slices.

export interface CheckSettings extends ServerSettings {
  readonly checks: number;
  readonly inFlight: number;
}

const WARM_UP = 30_000;
const SLICES = 5;

interface Guarded {
  readonly guard: CanActivate;
  readonly type: Type<unknown>;
  readonly handler: () => void;
  readonly cookies: readonly string[];
  close(): Promise<unknown>;
}

const settings = JSON.parse(process.argv[2] ?? '{}') as CheckSettings;
const guarded = isPeer(settings.store) ? await openPeer() : await openLibrary();
const { guard, type, handler, cookies } = guarded;

await check(WARM_UP);
const slices: { cpuUs: number; wallUs: number }[] = [];
for (let slice = 0; slice < SLICES; slice += 1) {
  const count = settings.checks / SLICES;
  const startedAtMs = performance.now();
  const before = process.cpuUsage();
  await check(count);
  const { user, system } = process.cpuUsage(before);
  slices.push({ cpuUs: (user + system) / count, wallUs: ((performance.now() - startedAtMs) * 1000) / count });
}
process.stdout.write(
  `${JSON.stringify({ cpuUs: median(slices.map(({ cpuUs }) => cpuUs)), wallUs: median(slices.map(({ wallUs }) => wallUs)) })}\n`,
);
await guarded.close();

/** Keeps so many checks in flight until all are done. */
async function check(count: number): Promise<void> {
  let started = 0;
  const work = async () => {
    while (started < count) {
      const cookie = cookies[started % cookies.length] ?? '';
      started += 1;
      if (!(await guard.canActivate(contextOf(cookie)))) throw new Error(`${settings.store} refused a live session`);
    }
  };
  await Promise.all(Array.from({ length: settings.inFlight }, work));
}

function contextOf(cookie: string): ExecutionContext {
  const request = { method: 'GET', url: '/', ip: '192.0.2.1', headers: { host: 'localhost', accept: '*/*', cookie } };
  const response = { headersSent: false, destroyed: false, getHeader: none, setHeader: none, removeHeader: none };
  const context = new ExecutionContextHost([request, response], type, handler);
  context.setType('http');
  return context;
}

function none(): undefined {
  return undefined;
}

async function openPeer(): Promise<Guarded> {
  class PeerController {
    get() {}
  }
  if (!isPeer(settings.store)) throw new Error(`${settings.store} is no peer`);
  const peer = await PEERS[settings.store](settings);
  const issued: string[] = [];
  for (let user = 0; user < settings.users; user += 1) issued.push((await peer.issue?.(`user-${user}`)) ?? '');
  const canActivate = async (context: ExecutionContext) =>
    (await peer.findUser(context.switchToHttp().getRequest<PeerRequest>())) !== undefined;
  return {
    guard: { canActivate },
    type: PeerController,
    handler: Reflect.get(PeerController.prototype, 'get'),
    cookies: issued,
    close: () => peer.close(),
  };
}

async function openLibrary(): Promise<Guarded> {
  const folder = pathToFileURL(`${settings.library}/`);
  const load = <T>(entry: string) => import(new URL(entry, folder).href) as Promise<T>;
  const library = await load<typeof import('nest-sessions')>('index.js');
  const { SessionGuard, SessionModule, SessionService } = library;
  const { redisUrl, postgresUrl: url, name: schema } = settings;
  const redis = { url: redisUrl, keyPrefix: schema };
  const postgres = { url, schema };
  const stores = {
    memory: async () => library.memoryStore(),
    redis: async () => (await load<typeof import('nest-sessions/redis')>('stores/redis/index.js')).redisStore(redis),
    postgres: async () => (await migrate({ hotChanges: false })).postgresStore(postgres),
    hybrid: async () => {
      await migrate({ hotChanges: true });
      const { hybridStore } = await load<typeof import('nest-sessions/hybrid')>('stores/hybrid/index.js');
      return hybridStore({ redis, postgres });
    },
  };
  async function migrate({ hotChanges }: { hotChanges: boolean }) {
    const entry = await load<typeof import('nest-sessions/postgres')>('stores/postgres/index.js');
    const migrations = entry.sessionMigrations({ schema, userIdType: 'text', hotChanges });
    const dataSource = await new DataSource({ type: 'postgres', url, schema, migrations }).initialize();
    await dataSource.query(`create schema ${schema}`);
    await dataSource.runMigrations();
    await dataSource.destroy();
    return entry;
  }

  @Controller()
  @UseGuards(SessionGuard)
  class GuardedController {
    @Get()
    get() {}
  }
  const store = await stores[settings.store as keyof typeof stores]();
  @Module({ imports: [SessionModule.forRoot({ store, cleanup: false })], controllers: [GuardedController] })
  class CheckModule {}
  const app = await NestFactory.create(CheckModule, { logger: false, abortOnError: false });
  await app.init();
  const sessions = app.get(SessionService);
  const issued: string[] = [];
  for (let user = 0; user < settings.users; user += 1) {
    const data = { tenantId: `tenant-${user % 7}`, roles: ['reader', 'writer'], theme: 'dark' };
    const userAgent =
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
    const client = { ipAddress: '192.0.2.1', userAgent };
    const { token } = await sessions.create({ userId: `user-${user}`, data, amr: ['pwd'], ...client });
    issued.push(`__Host-session=${token}`);
  }
  return {
    guard: app.get(SessionGuard),
    type: GuardedController,
    handler: Reflect.get(GuardedController.prototype, 'get'),
    cookies: issued,
    close: () => app.close(),
  };
}
