import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, UseGuards, type DynamicModule, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  CurrentSession,
  SessionGuard,
  SessionModule,
  SessionService,
  type Session,
  type SessionStoreDefinition,
} from 'nest-sessions';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { createAdapter, type AdapterName, ADAPTERS } from '../../e2e/support/test-app.js';
import { TestClient } from '../../e2e/support/test-client.js';
import { WatchedStore } from '../../e2e/support/watched-store.js';
import { Gate } from '../../support/barrier.js';
import { getServerUrl } from '../../support/servers.js';
import { PostgresWorld } from '../postgres/world.js';

let gate = new Gate();
const openGate = new Gate();
openGate.open();

@UseGuards(SessionGuard)
@Controller()
class SlowController {
  @Get('slow')
  async slow(@CurrentSession() { userId }: Session) {
    await gate.pass();
    return { userId };
  }
}

const serve = async (adapter: AdapterName, imports: (DynamicModule | Promise<DynamicModule>)[]) => {
  @Module({ imports: [ScheduleModule.forRoot(), ...imports], controllers: [SlowController] })
  class RootModule {}
  const app = await NestFactory.create(RootModule, createAdapter({ adapter }), { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return { app, client: new TestClient(await app.getUrl()) };
};

const visit = async (app: INestApplication, client: TestClient, userId: string) => {
  const { session, token } = await app.get(SessionService).create({ userId });
  return { session, send: () => client.send({ path: '/slow', cookies: [`__Host-session=${token}`] }) };
};

afterEach(() => {
  gate = openGate;
});

describe.each(ADAPTERS)('closing an application on %s with Postgres', (adapter) => {
  let world: PostgresWorld;

  beforeAll(async () => {
    world = await PostgresWorld.open();
  });

  afterAll(() => world?.close());

  const typeOrm = () => TypeOrmModule.forRoot({ type: 'postgres', url: world.url, retryAttempts: 0 });
  const sessions = () => {
    const store = postgresStore({ schema: world.schema, touchFlushInterval: '10s' });
    return SessionModule.forRoot({ store, touchInterval: '1s' });
  };
  const asyncSessions = () =>
    SessionModule.forRootAsync({
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => ({
        store: postgresStore({ dataSource, schema: world.schema, touchFlushInterval: '10s' }),
        touchInterval: '1s',
      }),
    });

  it.each<[string, () => DynamicModule[]]>([
    ['TypeOrmModule first', () => [typeOrm(), sessions()]],
    ['SessionModule first', () => [sessions(), typeOrm()]],
    ['SessionModule first, set up later', () => [asyncSessions(), typeOrm()]],
  ])(
    'writes the touches of requests that it still answers: %s (liaoliaots/nestjs-redis#340)',
    async (_, listImports) => {
      gate = new Gate();
      const { app, client } = await serve(adapter, listImports());
      const { session, send } = await visit(app, client, randomUUID());
      await world.query(`update sessions set last_seen_at = last_seen_at - interval '5 minutes' where id = $1`, [
        session.id,
      ]);
      const answer = send();
      await gate.reached;
      const closed = app.close();
      gate.open();
      expect((await answer).status).toBe(200);
      client.close();
      await closed;
      const [row] = await world.query<{ seconds: string }>(
        'select extract(epoch from now() - last_seen_at) as seconds from sessions where id = $1',
        [session.id],
      );
      expect(Number(row?.seconds)).toBeLessThan(60);
      expect(app.get(DataSource).isInitialized).toBe(false);
    },
  );
});

describe.each(ADAPTERS)('an application on %s that opened connections of its own', (adapter) => {
  const resources = () => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|Pipe/.test(name));

  it('leaves no socket and no timer behind (liaoliaots/nestjs-redis#340)', async () => {
    gate = openGate;
    const world = await PostgresWorld.open();
    const stores: SessionStoreDefinition[] = [
      redisStore({ url: getServerUrl('TEST_REDIS_URL'), keyPrefix: `lifecycle-${randomUUID()}` }),
      postgresStore({ url: world.url, schema: world.schema }),
    ];
    const before = resources().length;
    for (const store of stores) {
      const { app, client } = await serve(adapter, [SessionModule.forRoot({ store })]);
      const { send } = await visit(app, client, 'ada');
      expect((await send()).status).toBe(200);
      client.close();
      await app.close();
    }
    await settledAt(() => resources().length, before);
    await world.close();
  });

  it('flushes when shutdown begins and stops the store after the last request', async () => {
    gate = new Gate();
    const memory = new WatchedStore(
      redisStore({ url: getServerUrl('TEST_REDIS_URL'), keyPrefix: `order-${randomUUID()}` }),
    );
    const { app, client } = await serve(adapter, [SessionModule.forRoot({ store: memory.definition })]);
    const { send } = await visit(app, client, 'ada');
    const answer = send();
    await gate.reached;
    const closed = app.close();
    gate.open();
    expect((await answer).json()).toEqual({ userId: 'ada' });
    client.close();
    await closed;
    expect(memory.calls.at(-1)).toBe('stop');
    expect(memory.count('stop')).toBe(1);
  });
});

/** Sockets are torn down in the turns after their close; there is no event for the last of them. */
async function settledAt(measure: () => number, expected: number): Promise<void> {
  for (let turn = 0; turn < 200 && measure() > expected; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(measure()).toBeLessThanOrEqual(expected);
}
