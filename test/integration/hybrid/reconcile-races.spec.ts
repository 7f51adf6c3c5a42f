import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { HybridSessionStore } from 'nest-sessions/hybrid';
import { aTokenHash } from 'nest-sessions/testing';
import { Gate } from '../../support/barrier.js';
import { startRedisCluster, startRedisServer, type RedisServer } from 'local-servers/testing';
import { END, ReconcileWorld, signIn, signInMany } from './reconcile-world.js';

describe('reconciling while sessions change', () => {
  let server: RedisServer;
  let world: ReconcileWorld;
  let store: HybridSessionStore;

  beforeAll(async () => {
    server = await startRedisServer();
  });
  beforeEach(async () => {
    world = await ReconcileWorld.open(server.url);
    store = await world.openStore();
  });
  afterEach(() => world.close());
  afterAll(() => server.stop());

  /** A store whose reconciler waits between two of its steps. */
  const openPaused = async (where: 'before it asks Postgres' | 'before it repairs') => {
    const gate = new Gate();
    const paused = await world.openOn(({ hot, durable }) => {
      const ask = durable.findMany.bind(durable);
      durable.findMany = async (ids) => {
        if (where === 'before it asks Postgres') await gate.pass();
        return ask(ids);
      };
      for (const repair of ['drop', 'unconfirm'] as const) {
        const original = hot[repair].bind(hot);
        hot[repair] = async (ids) => {
          if (where === 'before it repairs') await gate.pass();
          return original(ids);
        };
      }
    });
    return { paused, gate };
  };

  it('a revocation between the copy and the question is no harm', async () => {
    const { id } = await signIn(store);
    const { paused, gate } = await openPaused('before it asks Postgres');
    const reconciling = paused.reconcile();
    await gate.reached;
    await store.revoke({ id, ...END });
    gate.open();
    expect(await reconciling).toMatchObject({ checked: 1, ghosts: 1 });
    expect(await store.find(id)).toMatchObject({ live: false });
  });

  it('a rotation and a fill between the copy and the question cost a read, and no data', async () => {
    const { id, tokenHash } = await signIn(store);
    const { paused, gate } = await openPaused('before it asks Postgres');
    const reconciling = paused.reconcile();
    await gate.reached;
    const next = aTokenHash();
    await store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: next, cause: 'rotation' });
    gate.open();
    expect(await reconciling).toMatchObject({ checked: 1, ghosts: 0, stale: 1 });
    expect(await store.find(id)).toMatchObject({ record: { tokenHash: next, data: { cart: 1 } } });
  });

  it('a fill before a late repair is believed no more, and asked for again', async () => {
    const { id, tokenHash } = await signIn(store);
    const putBack = await world.keepCopy(id);
    const next = aTokenHash();
    await store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: next, cause: 'rotation' });
    await putBack();
    const { paused, gate } = await openPaused('before it repairs');
    const reconciling = paused.reconcile();
    await gate.reached;
    await world.sweep();
    const { record } = await filled(id);
    expect(await store.update({ id, expectedVersion: record.version, data: { cart: 2 } })).toMatchObject({
      applied: true,
    });
    gate.open();
    expect(await reconciling).toMatchObject({ stale: 1 });
    expect(await store.find(id)).toMatchObject({ record: { tokenHash: next, data: { cart: 2 } } });
  });

  it('sign-ins, revocations, rotations and updates beside several runs lose nothing and leave no drift', async () => {
    const other = await world.openStore();
    const records = await signInMany(store, { sessions: 240, users: 40 });
    const ended = records.slice(0, 80);
    const kept = records.slice(80);
    let isOver = false;
    const reconcileUntilOver = async (instance: HybridSessionStore) => {
      let runs = 0;
      do {
        await instance.reconcile();
        runs += 1;
      } while (!isOver);
      return runs;
    };
    const reconciling = [reconcileUntilOver(store), reconcileUntilOver(other)];
    const added = signInMany(other, { sessions: 100, users: 40 });
    await Promise.all([
      ...ended.map(({ id }, i) => (i % 2 === 0 ? store : other).revoke({ id, ...END })),
      ...kept.map(async ({ id, tokenHash }, i) => {
        const instance = i % 2 === 0 ? store : other;
        const next = aTokenHash();
        await instance.rotate({ id, expectedTokenHash: tokenHash, tokenHash: next, cause: 'rotation' });
        const { record } = await filled(id);
        expect(record.tokenHash).toEqual(next);
        const updated = await instance.update({ id, expectedVersion: record.version, data: { ...record.data, i } });
        expect(updated).toMatchObject({ applied: true });
      }),
    ]);
    const signedIn = await added;
    isOver = true;
    for (const runs of await Promise.all(reconciling)) expect(runs).toBeGreaterThan(1);
    for (const { id } of ended) expect(await other.find(id)).toMatchObject({ live: false });
    for (const [i, { id }] of kept.entries()) expect((await filled(id)).record.data).toEqual({ cart: 1, i });
    for (const { id } of signedIn) expect((await filled(id)).record.data).toEqual({ cart: 1 });
    expect(await store.reconcile()).toMatchObject({ checked: 260, ghosts: 0, stale: 0, stoppedBy: 'done' });
  }, 60_000);

  it('finds the keys of a client that adds a prefix of its own', async () => {
    const client = new Redis(server.url, { keyPrefix: 'app[1]*:' });
    const prefixed = await world.openStore({ redis: { client, keyPrefix: 'se?s\\ions', operationTimeout: '10s' } });
    const [gone, kept] = [await signIn(prefixed), await signIn(prefixed, { userId: 'bob' })];
    // Other keys of the same form, which the pattern would match if it were not escaped.
    await signIn(store);
    await world.deleteRows([gone.id]);
    expect(await prefixed.reconcile()).toEqual({ checked: 2, ghosts: 1, stale: 0, stoppedBy: 'done' });
    expect(await prefixed.find(kept.id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
    await prefixed.stop();
    client.disconnect();
  });

  async function filled(id: string) {
    const found = await store.find(id);
    if (!found.live) throw new Error(`not live: ${found.reason}`);
    return found;
  }
});

describe('reconciling with a Redis Cluster', () => {
  it('goes through every master, and from a cursor to the masters behind it', async () => {
    const servers = await startRedisCluster();
    const cluster = new Cluster(servers.ports.map((port) => ({ host: '127.0.0.1', port })));
    cluster.on('error', () => undefined);
    const world = await ReconcileWorld.open(`redis://127.0.0.1:${servers.ports[0]}`);
    try {
      const store = await world.openStore({
        redis: { client: cluster, keyPrefix: world.keyPrefix, operationTimeout: '10s' },
      });
      const records = await signInMany(store, { sessions: 150, users: 120 });
      const sizes = await Promise.all(cluster.nodes('master').map((node) => node.dbsize()));
      expect(sizes.every((size) => size > 5)).toBe(true);
      const [gone, rest] = [records.filter((_, i) => i % 3 === 0), records.filter((_, i) => i % 3 > 0)];
      await world.deleteRows(gone.map(({ id }) => id));
      const pages: number[] = [];
      let ghosts = 0;
      let cursor: string | undefined;
      do {
        const page = await store.reconcile({ timeBudgetMs: 0, ...(cursor !== undefined && { cursor }) });
        pages.push(page.checked);
        ghosts += page.ghosts;
        ({ cursor } = page);
      } while (cursor !== undefined);
      expect(pages.filter((checked) => checked > 0)).toHaveLength(3);
      expect(ghosts).toBe(50);
      expect(await store.reconcile()).toEqual({ checked: 100, ghosts: 0, stale: 0, stoppedBy: 'done' });
      const found = await Promise.all(rest.map(({ id }) => store.find(id)));
      expect(found.every((one) => one.live && one.record.data['cart'] === 1)).toBe(true);
    } finally {
      await world.close();
      cluster.disconnect();
      await servers.stop();
    }
  }, 60_000);
});
