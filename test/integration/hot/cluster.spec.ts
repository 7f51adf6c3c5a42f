import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, type Redis } from 'ioredis';
import type { HotSessions } from '#src/core/ports/hot-sessions.js';
import { startRedisCluster, type RedisCluster } from 'local-servers/testing';
import { aLiveSession, confirm, HotWorld, listCopiedIds, promote, TOUCH } from './world.js';

const UNCONFIRMED = { state: 'unconfirmed' };
const end = { reason: 'revoked', endedBy: null } as const;

const ofManyUsers = () => Array.from({ length: 60 }, (_, i) => aLiveSession({ userId: `user ${i}`, data: { i } }));

describe('hot sessions in a Redis Cluster', () => {
  let servers: RedisCluster;
  let world: HotWorld;
  let cluster: Cluster;
  let hot: HotSessions;
  let other: HotSessions;

  beforeAll(async () => {
    servers = await startRedisCluster();
  });
  beforeEach(async () => {
    world = new HotWorld({ port: servers.ports[0] ?? 0 });
    const nodes = servers.ports.map((port) => ({ host: '127.0.0.1', port }));
    const clients = [new Cluster(nodes), new Cluster(nodes)];
    for (const client of clients) client.on('error', () => undefined);
    closing.push(...clients);
    [cluster] = clients as [Cluster, Cluster];
    [hot, other] = (await Promise.all(clients.map((client) => world.open({ client })))) as [HotSessions, HotSessions];
  });
  afterEach(async () => {
    await Promise.all(cluster.nodes('master').map((node) => node.flushall()));
    await world.close();
    for (const client of closing.splice(0)) client.disconnect();
  });
  afterAll(() => servers.stop());

  const closing: Cluster[] = [];

  it('confirms, reads, changes and drops copies on every node', async () => {
    const lives = ofManyUsers();
    const ids = lives.map(({ record }) => record.id);
    await Promise.all(lives.map((live) => confirm(hot, live)));
    const sizes = await Promise.all(cluster.nodes('master').map((node: Redis) => node.dbsize()));
    expect(sizes.every((size) => size > 0)).toBe(true);
    const reads = await Promise.all(ids.map((id) => other.read(id)));
    expect(reads.map((read) => read.state === 'believed' && read.record.data['i'])).toEqual(lives.map((_, i) => i));
    expect(await Promise.all(ids.map((id) => hot.touch({ id, ...TOUCH })))).toEqual(ids.map(() => true));
    expect((await listCopiedIds(other)).length).toBe(60);
    await hot.unconfirm(ids.slice(0, 20));
    await hot.unconfirmUser('user 20');
    await hot.drop(ids.slice(21, 30));
    const states = (await Promise.all(ids.map((id) => other.read(id)))).map(({ state }) => state);
    expect(states.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => 'unconfirmed'));
    expect(states.slice(30)).toEqual(Array.from({ length: 30 }, () => 'believed'));
    expect((await listCopiedIds(other)).length).toBe(51);
  });

  it('removes the leases of fills that overlap a change', async () => {
    const lives = ofManyUsers().slice(0, 12);
    const leases = await Promise.all(lives.map(({ record }) => hot.lease(record.id)));
    expect(new Set(leases.map(({ generation }) => generation)).size).toBe(3);
    await other.drop(lives.map(({ record }) => record.id));
    const promoted = await Promise.all(
      leases.map((lease, i) => promote(hot, { lease, live: lives[i] ?? aLiveSession() })),
    );
    expect(promoted.filter(Boolean)).toEqual([]);
  });

  it('keeps revocations in a slot of their own', async () => {
    const lives = ofManyUsers().slice(0, 8);
    await Promise.all(lives.map((live) => confirm(hot, live)));
    await Promise.all(lives.map(({ record: { id } }) => hot.keepRevocation({ id, ...end })));
    await hot.keepRevocation({ userId: 'user 1', ...end });
    const kept = await other.listKeptRevocations(100);
    expect(kept).toHaveLength(9);
    expect((await listCopiedIds(other)).length).toBe(0);
    await other.forgetRevocations(kept.map(({ key }) => key));
    expect(await hot.listKeptRevocations(100)).toEqual([]);
  });

  it('does not believe a copy that came from another node with its slot', async () => {
    const live = aLiveSession({ data: { a: 1 } });
    const { id } = live.record;
    const key = world.keyOf(id);
    await confirm(hot, live);
    const slot = await cluster.cluster('KEYSLOT', key);
    const nodes = await Promise.all(
      servers.ports.map(async (port) => {
        const node = world.client({ port });
        return {
          port,
          node,
          id: String(await node.call('CLUSTER', 'MYID')),
          count: Number(await node.call('CLUSTER', 'COUNTKEYSINSLOT', String(slot))),
        };
      }),
    );
    const from = nodes.find(({ count }) => count > 0);
    const to = nodes.find(({ count }) => count === 0);
    if (!from || !to) throw new Error('the copy is on one node of three');
    const lease = await hot.lease(id);
    const move = async (source: typeof from, target: typeof to) => {
      await target.node.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', source.id);
      await source.node.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', target.id);
      await source.node.call('MIGRATE', '127.0.0.1', String(target.port), key, '0', '5000');
      for (const { node } of [target, source]) await node.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', target.id);
    };
    await move(from, to);
    expect(await hot.read(id)).toEqual(UNCONFIRMED);
    expect(await promote(hot, { lease, live })).toBeUndefined();
    expect((await confirm(hot, { ...live, record: { ...live.record, data: {} } })).record.data).toEqual({ a: 1 });
    expect(await other.read(id)).toMatchObject({ state: 'believed' });
    await move(to, from);
    expect(await other.read(id)).toEqual(UNCONFIRMED);
  });
});
