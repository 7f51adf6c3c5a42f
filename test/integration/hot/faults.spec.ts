import { countCalls, eventually } from '../../support/redis-probes.js';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { SessionStoreUnavailableError } from 'nest-sessions';
import { startRedisServer } from 'local-servers/testing';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { aLiveSession, confirm, useHotWorld, promote, readUntil, TOUCH, urlOf } from './world.js';

const UNCONFIRMED = { state: 'unconfirmed' };
const BELIEVED = { state: 'believed' };
const TIMEOUT_MS = 200;

describe('hot sessions when Redis fails', () => {
  const { world, server } = useHotWorld();
  let redis: Redis;

  beforeEach(() => {
    redis = world.client();
  });

  it('FLUSHALL: nothing is believed, a fill that overlaps it does nothing, the next one works', async () => {
    const hot = await world.open();
    const live = aLiveSession();
    const { id } = live.record;
    await confirm(hot, live);
    const lease = await hot.lease(id);
    await redis.flushall();
    expect(await hot.read(id)).toEqual(UNCONFIRMED);
    expect(await promote(hot, { lease, live })).toBeUndefined();
    expect(await redis.dbsize()).toBe(0);
    await confirm(hot, live);
    expect(await hot.read(id)).toMatchObject(BELIEVED);
  });

  it('SCRIPT FLUSH: every operation keeps working', async () => {
    const hot = await world.open();
    const live = aLiveSession();
    const { id } = live.record;
    const afterFlush = async <T>(call: () => Promise<T>): Promise<T> => {
      await redis.script('FLUSH');
      return call();
    };
    const lease = await afterFlush(() => hot.lease(id));
    const promoted = await afterFlush(() => promote(hot, { lease, live }));
    expect(await afterFlush(() => hot.touch({ id, ...TOUCH }))).toBe(true);
    const change = { id, expectedVersion: promoted?.record.version ?? 0, data: { a: 1 } };
    expect(await afterFlush(() => hot.update(change))).toMatchObject({ applied: true });
    expect(await afterFlush(() => hot.read(id))).toMatchObject({ ...BELIEVED, record: { data: { a: 1 } } });
    await afterFlush(() => hot.unconfirmUser('alice'));
    expect(await hot.read(id)).toEqual(UNCONFIRMED);
    await afterFlush(() => hot.keepRevocation({ id, reason: 'revoked', endedBy: null }));
    expect(await afterFlush(() => hot.listKeptRevocations(1))).toHaveLength(1);
  });

  it('CLIENT KILL: copies are believed again once the same process has told its generation', async () => {
    const hot = await world.open();
    const { id } = (await confirm(hot, aLiveSession())).record;
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(await readUntil(hot, { id, state: 'believed' })).toMatchObject(BELIEVED);
  });

  describe('a server that hangs', () => {
    it('is given up at the deadline, and believed again when it resumes', async () => {
      const hot = await world.open({ client: world.client(), operationTimeout: `${TIMEOUT_MS}ms` });
      const live = aLiveSession();
      const { id } = live.record;
      await confirm(hot, live);
      const lease = await hot.lease(id);
      server.kill('SIGSTOP');
      const startedAtMs = performance.now();
      const calls = [
        hot.read(id),
        hot.lease(id),
        promote(hot, { lease, live }),
        hot.unconfirm([]).then(() => hot.listKeptRevocations(1)),
        hot.touch({ id, ...TOUCH }),
        hot.listCopiesOfUser('alice'),
        hot.scanCopies({ limit: 10 }),
      ];
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected', reason: expect.any(SessionStoreUnavailableError) });
      }
      expect(performance.now() - startedAtMs).toBeLessThan(TIMEOUT_MS + 400);
      server.kill('SIGCONT');
      expect(await readUntil(hot, { id, state: 'believed' })).toMatchObject(BELIEVED);
    });

    it('does not confirm a late promotion after another caller changed the session', async () => {
      const hot = await world.open({ client: world.client(), operationTimeout: `${TIMEOUT_MS}ms` });
      const other = await world.open();
      const live = aLiveSession();
      const { id } = live.record;
      for (const change of [() => other.drop([id]), () => other.unconfirm([id])]) {
        const lease = await hot.lease(id);
        server.kill('SIGSTOP');
        await expect(promote(hot, { lease, live })).rejects.toThrow(SessionStoreUnavailableError);
        const changing = change();
        server.kill('SIGCONT');
        await changing;
        // Answers of one connection come in order: after this one, the late promotion has run.
        await eventually(() => hot.listCopiesOfUser('alice'));
        expect(await other.read(id)).toEqual(UNCONFIRMED);
      }
    });

    it('keeps no revocation whose caller gave up before it could run', async () => {
      const hot = await world.open({ client: world.client(), operationTimeout: `${TIMEOUT_MS}ms` });
      const revocation = { userId: 'alice', reason: 'revoked', endedBy: null } as const;
      // Loads the script, so that the late one runs before any command sent after it.
      await hot.keepRevocation(revocation);
      await hot.forgetRevocations((await hot.listKeptRevocations(1)).map(({ key }) => key));
      server.kill('SIGSTOP');
      const keeping = hot.keepRevocation(revocation);
      await expect(keeping).rejects.toThrow(SessionStoreUnavailableError);
      server.kill('SIGCONT');
      await eventually(async () => expect(await hot.listKeptRevocations(10)).toEqual([]));
    });
  });

  describe('a connection that changes', () => {
    it('does not believe an answer that the client fetched from another server', async () => {
      const other = await startRedisServer();
      const proxy = await TcpProxy.open(server.port);
      try {
        const client = world.client({ port: proxy.port });
        const hot = await world.open({ client });
        const { id } = (await confirm(hot, aLiveSession())).record;
        expect(await hot.read(id)).toMatchObject(BELIEVED);
        // The other server has the same copy, like a replica that lags.
        const second = world.client({ port: other.port });
        await second.hset(world.keyOf(id), await redis.hgetall(world.keyOf(id)));
        await second.config('RESETSTAT');
        proxy.setFlow({ kind: 'pause' }, 'toServer');
        const reading = hot.read(id);
        client.options.port = other.port;
        proxy.breakConnections();
        expect(await reading).toEqual(UNCONFIRMED);
        expect(await countCalls(second, 'hmget')).toBe(1);
        expect(await hot.read(id)).toEqual(UNCONFIRMED);
      } finally {
        await proxy.close();
        await other.stop();
      }
    });

    it('rejects while it is down', async () => {
      const proxy = await TcpProxy.open(server.port);
      const hot = await world.open({ url: urlOf(proxy.port) });
      const { id } = (await confirm(hot, aLiveSession())).record;
      proxy.refuse();
      await eventually(() => expect(hot.read(id)).rejects.toThrow(SessionStoreUnavailableError));
      proxy.accept();
      expect(await readUntil(hot, { id, state: 'believed' })).toMatchObject(BELIEVED);
      await hot.stop();
      await proxy.close();
    });
  });

  describe('at boot', () => {
    it('an unreachable server rejects, and is connected to once it is there', async () => {
      const absent = await startRedisServer();
      await absent.stop();
      const hot = world.make({ url: absent.url, startTimeout: '300ms' });
      await expect(hot.start()).rejects.toThrow(SessionStoreUnavailableError);
      const live = aLiveSession();
      await expect(hot.read(live.record.id)).rejects.toThrow('no connection yet');
      const late = await startRedisServer({ port: absent.port });
      try {
        await eventually(() => confirm(hot, live));
        expect(await hot.read(live.record.id)).toMatchObject(BELIEVED);
        await hot.stop();
        await expect(hot.read(live.record.id)).rejects.toThrow('stopped');
        await expect(hot.start()).rejects.toThrow('stopped');
      } finally {
        await late.stop();
      }
    });

    it('a user without permission for INFO is rejected with the name of the permission', async () => {
      await redis.call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', '+@all', '-info');
      const hot = world.make({
        client: world.client({ username: 'blind', password: 'secret', enableReadyCheck: false }),
      });
      await expect(hot.start()).rejects.toMatchObject({
        code: 'SESSION_CONFIGURATION',
        message: expect.stringContaining('+info'),
      });
    });
  });
});
