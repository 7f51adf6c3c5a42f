import { eventually } from '../../support/redis-probes.js';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedisServer, type RedisServer } from 'local-servers/testing';
import { aLiveSession, confirm, HotWorld, promote, readUntil } from './world.js';

const UNCONFIRMED = { state: 'unconfirmed' };
const BELIEVED = { state: 'believed' };

describe('hot sessions after Redis lost or replaced the state that confirmed them', () => {
  let world: HotWorld;
  const servers: RedisServer[] = [];

  afterEach(async () => {
    await world.close();
    await Promise.all(servers.splice(0).map((one) => one.stop()));
  });

  async function start(options: Parameters<typeof startRedisServer>[0] = {}): Promise<RedisServer> {
    const started = await startRedisServer({
      ...options,
      args: ['--repl-diskless-sync-delay', '0', ...(options.args ?? [])],
    });
    servers.push(started);
    return started;
  }

  it('restarted with older data: copies are there, not believed, and confirmed with their data', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'nest-sessions-rdb-'));
    const before = await start({ dir });
    world = new HotWorld(before);
    const redis = world.client();
    const hot = await world.open({ client: world.client() });
    const [ended, live, leased] = [aLiveSession(), aLiveSession({ data: { cart: 1 } }), aLiveSession()];
    for (const one of [ended, live]) await confirm(hot, one);
    const lease = await hot.lease(leased.record.id);
    await redis.save();
    // Not in the snapshot, so the fail-over or the crash takes it back.
    await hot.drop([ended.record.id]);
    expect(await hot.read(ended.record.id)).toEqual(UNCONFIRMED);
    before.kill('SIGKILL');
    await before.exited;
    const after = await start({ dir, port: before.port });
    await eventually(async () => expect(await redis.hexists(world.keyOf(ended.record.id), ended.record.id)).toBe(1));
    for (const { record } of [ended, live]) {
      expect(await readUntil(hot, { id: record.id, state: 'unconfirmed' })).toEqual(UNCONFIRMED);
    }
    const key = world.keyOf(leased.record.id);
    expect(await redis.hexists(key, `${leased.record.id}:l`)).toBe(1);
    expect(await promote(hot, { lease, live: leased })).toBeUndefined();
    expect(await redis.hexists(key, leased.record.id)).toBe(0);
    await confirm(hot, { ...live, record: { ...live.record, data: {} } });
    expect(await hot.read(live.record.id)).toMatchObject({ ...BELIEVED, record: { data: { cart: 1 } } });
    expect(await hot.read(ended.record.id)).toEqual(UNCONFIRMED);
    await after.stop();
    await rm(dir, { recursive: true });
  });

  describe('after a fail-over', () => {
    let master: RedisServer;
    let replica: RedisServer;
    let onMaster: Redis;
    let onReplica: Redis;

    beforeEach(async () => {
      [master, replica] = await Promise.all([start(), start()]);
      world = new HotWorld(master);
      onMaster = world.client();
      onReplica = world.client({ port: replica.port });
      await onReplica.replicaof('127.0.0.1', master.port);
      await eventually(async () => assert.match(await onMaster.info('replication'), /state=online/));
    });

    const replicated = (id: string) =>
      eventually(async () => {
        const [there, here] = await Promise.all([onReplica, onMaster].map((one) => one.hgetall(world.keyOf(id))));
        assert.deepEqual(there, here);
      });

    it('the replica believes nothing, before and after it became the master, nor a lease of the old one', async () => {
      const client = world.client();
      const hot = await world.open({ client });
      const [ended, leased] = [aLiveSession(), aLiveSession()];
      const { id } = ended.record;
      await confirm(hot, ended);
      const lease = await hot.lease(leased.record.id);
      await replicated(id);
      await replicated(leased.record.id);

      client.options.port = replica.port;
      client.disconnect(true);
      await once(client, 'ready');
      expect(await hot.read(id)).toEqual(UNCONFIRMED);
      await expect(hot.lease(id)).rejects.toThrow('is a replica');

      // The replica lags: the end of the session does not reach it.
      await onReplica.replicaof('NO', 'ONE');
      await (await world.open({ url: master.url })).drop([id]);
      expect(await onReplica.hexists(world.keyOf(id), id)).toBe(1);
      expect(await hot.read(id)).toEqual(UNCONFIRMED);
      expect(await promote(hot, { lease, live: leased })).toBeUndefined();
      expect(await onReplica.hexists(world.keyOf(id), leased.record.id)).toBe(0);
      await confirm(hot, leased);
      expect(await readUntil(hot, { id: leased.record.id, state: 'believed' })).toMatchObject(BELIEVED);
    });

    it.each(['with its connections closed, as Sentinel does', 'with its connections left open'])(
      'and back, the same process as master is not believed about what it lost meanwhile (%s)',
      async (connections) => {
        const hot = await world.open({ client: world.client() });
        const { id } = (await confirm(hot, aLiveSession())).record;
        const runId = /run_id:(\w+)/.exec(await onMaster.info('server'))?.[1];
        await replicated(id);
        await onReplica.replicaof('NO', 'ONE');
        await hot.drop([id]);
        expect(await hot.read(id)).toEqual(UNCONFIRMED);
        // The old master copies the new one, which missed the end of the session, and becomes master again.
        await onMaster.replicaof('127.0.0.1', replica.port);
        await eventually(async () => expect(await onMaster.info('replication')).toContain('master_link_status:up'));
        await onMaster.replicaof('NO', 'ONE');
        expect(await onMaster.hexists(world.keyOf(id), `${id}:g`)).toBe(1);
        expect(await onMaster.info('server')).toContain(`run_id:${runId}`);
        if (connections.includes('closed')) await onMaster.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        expect(await readUntil(hot, { id, state: 'unconfirmed' })).toEqual(UNCONFIRMED);
        // A believed copy shows that the server's generation is known, so the rest is unconfirmed for another reason.
        const fresh = aLiveSession({ userId: 'bob' });
        await eventually(() => confirm(hot, fresh));
        await readUntil(hot, { id: fresh.record.id, state: 'believed' });
        expect(await hot.read(id)).toEqual(UNCONFIRMED);
        const confirmedOn = String(await onMaster.hget(world.keyOf(id), `${id}:g`));
        expect(await onMaster.info('replication')).not.toContain(`master_replid:${confirmedOn}`);
      },
    );
  });
});
