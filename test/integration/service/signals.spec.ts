import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { Cluster, Redis } from 'ioredis';
import type { EndedSession } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import { RecordingLogger } from '#src/testing/world/recording-logger.js';
import { setUpService } from '../../contract/harnesses/service-setup.js';
import { startRedisCluster, type RedisCluster } from 'local-servers/testing';
import { getServerUrl } from '../../support/servers.js';
import { SHARED_BACKENDS, shareMemory, type SharedBackend } from '../../support/shared-backends.js';
import { anEnd, Ear } from '../../support/signal-ear.js';
import { PostgresWorld } from '../postgres/world.js';
import { waitUntil } from '../../support/poll.js';

const contextOf = (logger: RecordingLogger) => ({ logger, retentionMs: 86_400_000, auditRetentionMs: 86_400_000 });

describe.each(Object.keys(SHARED_BACKENDS))('signals of the %s store', (name) => {
  let backend: SharedBackend;
  const stores: SessionStore[] = [];
  const logger = new RecordingLogger();

  const open = async () => {
    const store = await backend.define().create(contextOf(logger));
    stores.push(store);
    await store.start();
    return store;
  };

  beforeAll(async () => {
    const openBackend = SHARED_BACKENDS[name];
    if (!openBackend) throw new Error(`no backend ${name}`);
    backend = await openBackend();
  });

  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.stop()));
    for (const proxy of backend.listening) proxy.accept();
  });

  afterAll(() => backend.close());

  it('reach every instance, also the one that sends, whole and without a secret', async () => {
    const [sender, receiver] = [await open(), await open()];
    const ears = [new Ear(sender), new Ear(receiver)];
    await Promise.all(ears.map((ear) => ear.until(() => ear.resumptions > 0)));
    const ended = [anEnd(), anEnd(null), anEnd('Grüße, \\ and ’')];
    await sender.signals?.publish(ended);
    for (const ear of ears) {
      await ear.until(() => ended.every(({ id }) => ear.heard.has(id)));
      expect([...ear.heard.values()]).toEqual(ended);
    }
  });

  it('carry more sessions than fit into one message', async () => {
    const [sender, receiver] = [await open(), await open()];
    const ear = new Ear(receiver);
    await ear.until(() => ear.resumptions > 0);
    const ended = Array.from({ length: 1500 }, () => anEnd('x'.repeat(255)));
    await sender.signals?.publish(ended);
    await ear.until(() => ear.heard.size === ended.length);
    expect([...ear.heard.keys()].toSorted()).toEqual(ended.map(({ id }) => id).toSorted());
  });

  it('arrive again after the connection was lost, and the listener learns that it may have missed some', async () => {
    const [sender, receiver] = [await open(), await open()];
    const ear = new Ear(receiver);
    await ear.until(() => ear.resumptions >= backend.listening.length);
    const before = ear.resumptions;
    for (const proxy of backend.listening) proxy.refuse();
    const lost = anEnd();
    await sender.signals?.publish([lost]);
    for (const proxy of backend.listening) proxy.accept();
    await ear.until(() => ear.resumptions >= before + backend.listening.length);
    const later = anEnd();
    await sender.signals?.publish([later]);
    await ear.until(() => ear.heard.has(later.id));
    expect(ear.heard.has(lost.id)).toBe(false);
    expect(logger.lines.filter((line) => line.includes('do not arrive')).length).toBeGreaterThan(0);
  });

  it('no longer reach a listener that was removed', async () => {
    const store = await open();
    const [leaving, staying] = [new Ear(store), new Ear(store)];
    await staying.until(() => staying.resumptions >= backend.listening.length);
    leaving.unsubscribe();
    const ended = anEnd();
    await store.signals?.publish([ended]);
    await staying.until(() => staying.heard.has(ended.id));
    expect(leaving.heard.size).toBe(0);
  });

  it('may be asked for before the store has started, and are refused after it stopped', async () => {
    const store = await backend.define().create(contextOf(logger));
    const ear = new Ear(store);
    await expect(store.signals?.publish([anEnd()])).rejects.toThrow('it was not started');
    await store.start();
    await ear.until(() => ear.resumptions > 0);
    await store.stop();
    await expect(store.signals?.publish([anEnd()])).rejects.toThrow('it was stopped');
  });
});

describe.each([...Object.keys(SHARED_BACKENDS), 'memory'])('events across instances on %s', (name) => {
  let backend: SharedBackend;
  let stores: SessionStore[];

  beforeAll(async () => {
    backend = await (SHARED_BACKENDS[name]?.() ?? shareMemory());
    stores = await Promise.all([1, 2].map(async () => backend.define().create(contextOf(new RecordingLogger()))));
    await Promise.all(stores.map((store) => store.start()));
  });

  afterAll(async () => {
    await Promise.all(stores.map((store) => store.stop()));
    await backend.close();
  });

  it('tell all who asked for them once of each end, and only the causing instance’s own listeners (a mail is sent once)', async () => {
    const [one, other] = stores.map((store) => setUpService(store));
    if (!one || !other) throw new Error('two instances are needed');
    const everywhere = { one: [] as string[], other: [] as string[] };
    let isSettled = () => false;
    let settle = () => {};
    const arrived = new Promise<void>((resolve) => (settle = resolve));
    const note = (list: string[]) => (event: EndedSession) => {
      expect(JSON.stringify(event)).not.toMatch(/token|hash/i);
      list.push(`${event.id} ${event.endReason}`);
      if (isSettled()) settle();
    };
    one.service.events.on('ended', note(everywhere.one), { from: 'all-instances' });
    other.service.events.on('ended', note(everywhere.other), { from: 'all-instances' });
    const ear = stores[1] && new Ear(stores[1]);
    if (backend.listening.length > 0) await ear?.until(() => ear.resumptions >= backend.listening.length);

    const sessions = await Promise.all([1, 2, 3].map(() => one.service.create({ userId: 'grace' })));
    const [first] = sessions;
    if (!first) throw new Error('no session');
    isSettled = () => everywhere.other.length === sessions.length && everywhere.one.length === sessions.length;
    await one.service.revoke(first.session.id, { reason: 'logout' });
    await one.service.revokeAll('grace', { reason: 'admin' });
    await arrived;

    const expected = sessions.map(({ session }, index) => `${session.id} ${index === 0 ? 'logout' : 'admin'}`);
    expect(everywhere.one.toSorted()).toEqual(expected.toSorted());
    expect(everywhere.other.toSorted()).toEqual(expected.toSorted());
    expect(one.heard.filter(([event]) => event === 'ended')).toHaveLength(sessions.length);
    expect(other.heard.filter(([event]) => event === 'ended')).toEqual([]);
  });

  it('never fail or hold up what caused them', async () => {
    const [store] = stores;
    if (!store) throw new Error('no store');
    const hanging = Object.create(store, {
      signals: { value: { publish: () => Promise.reject(new Error('nobody takes it')), subscribe: () => () => {} } },
    }) as SessionStore;
    const { service, lines } = setUpService(hanging);
    for (let i = 0; i < 3; i++) {
      const { session } = await service.create({ userId: 'joan' });
      expect(await service.revoke(session.id)).toBe(true);
    }
    await new Promise(setImmediate);
    expect(lines.filter((line) => line.startsWith('warn:'))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith('debug:'))).toHaveLength(2);
  });
});

describe('the channel', () => {
  it('of a Redis Cluster reaches listeners on other nodes', async () => {
    const cluster: RedisCluster = await startRedisCluster();
    const startup = cluster.nodes.map(({ host, port }) => ({ host, port }));
    const clients = [1, 2, 3, 4].map(() => new Cluster(startup).on('error', () => undefined));
    const stores = await Promise.all(
      clients.map(async (client) =>
        redisStore({ client, operationTimeout: '5s' }).create(contextOf(new RecordingLogger())),
      ),
    );
    try {
      await Promise.all(stores.map((store) => store.start()));
      const ears = stores.map((store) => new Ear(store));
      await Promise.all(ears.map((ear) => ear.until(() => ear.resumptions > 0)));
      const ended = stores.map(() => anEnd());
      // The nodes of a Cluster that was just formed may not have found all their ways to each other: what is published
      // until then reaches some of them only.
      await waitUntil('every listener has heard of every end', async () => {
        await Promise.all(stores.map(async (store, index) => store.signals?.publish(ended.slice(index, index + 1))));
        return ears.every((ear) => ear.heard.size === ended.length);
      });
      expect(clients.map(({ status }) => status)).toEqual(clients.map(() => 'ready'));
    } finally {
      await Promise.all(stores.map((store) => store.stop()));
      for (const client of clients) client.disconnect();
      await cluster.stop();
    }
  });

  it('is the same for Redis clients that add a key prefix of their own, and a borrowed client stays open', async () => {
    const client = new Redis(getServerUrl('TEST_REDIS_URL'), { keyPrefix: 'app:' });
    const store = await redisStore({ client, keyPrefix: 'signals' }).create(contextOf(new RecordingLogger()));
    await store.start();
    const ear = new Ear(store);
    await ear.until(() => ear.resumptions > 0);
    const ended = anEnd();
    await store.signals?.publish([ended]);
    await ear.until(() => ear.heard.has(ended.id));
    const channels = await client.pubsub('CHANNELS', 'app:*');
    expect(channels).toEqual(['app:signals:signals']);
    await store.stop();
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });

  it('of Postgres belongs to the table, however a connection names it', async () => {
    const world = await PostgresWorld.open();
    const dataSource = await world.openDataSource({ poolSize: 2 });
    const named = await world.startStore({ dataSource, schema: world.schema });
    const url = new URL(world.url);
    url.searchParams.set('options', `-c search_path=${world.schema}`);
    const bySearchPath = await world.startStore({ url: url.href });
    const ears = [new Ear(bySearchPath), new Ear(named)];
    await Promise.all(ears.map((ear) => ear.until(() => ear.resumptions > 0)));
    const ended = anEnd();
    await named.signals?.publish([ended]);
    for (const ear of ears) {
      await ear.until(() => ear.heard.has(ended.id));
      expect(ear.heard.get(ended.id)).toEqual(ended);
    }
    await world.close();
  });

  it('of Postgres is not listened to through a pooler, and the log names the option that leads past it', async () => {
    const world = await PostgresWorld.open();
    const dataSource = await world.openDataSource({ poolSize: 2 });
    const pooled = await world.startStore({ dataSource, schema: world.schema, preparedStatements: false });
    const deaf = new Ear(pooled);
    expect(world.logged.join('\n')).toContain('unless postgresStore.listenUrl leads past it');
    const direct = await world.startStore({
      dataSource,
      schema: world.schema,
      preparedStatements: false,
      listenUrl: world.url,
    });
    const ear = new Ear(direct);
    await ear.until(() => ear.resumptions > 0);
    const ended = anEnd();
    await pooled.signals?.publish([ended]);
    await ear.until(() => ear.heard.has(ended.id));
    expect(deaf.heard.size).toBe(0);
    await world.close();
  });

  it('of Postgres ignores garbage on its channel', async () => {
    const world = await PostgresWorld.open();
    const store = await postgresStore({ url: world.url, schema: world.schema }).create(
      contextOf(new RecordingLogger()),
    );
    await store.start();
    const ear = new Ear(store);
    await ear.until(() => ear.resumptions > 0);
    const client = new Client({ connectionString: world.url });
    await client.connect();
    const channel = `nest-sessions:${world.schema}.sessions`;
    for (const text of ['', 'not json', '[]', '["nest-sessions/1",[[1,2,3,4,5],null]]', '["nest-sessions/2",[]]']) {
      await client.query('select pg_notify($1, $2)', [channel, text]);
    }
    const ended = anEnd();
    await store.signals?.publish([ended]);
    await ear.until(() => ear.heard.has(ended.id));
    expect(ear.heard.size).toBe(1);
    await client.end();
    await store.stop();
    await world.close();
  });
});
