import { eventually } from '../../support/redis-probes.js';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, type Redis } from 'ioredis';
import { isNativeError } from 'node:util/types';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { redisStore, type RedisStoreOptions } from 'nest-sessions/redis';
import { openClient } from '#src/stores/redis/connection/redis-connection.js';
import { RedisFixture, useRedisFixture } from './fixture.js';
import { startRedisServer } from 'local-servers/testing';

describe('the Redis store at boot', () => {
  const { fixture, server } = useRedisFixture();
  let redis: Redis;

  beforeEach(() => {
    redis = fixture.client();
  });

  const countClients = async () => String(await redis.client('LIST')).match(/name=nest-sessions /g)?.length ?? 0;

  it('logs nothing when all is well, and can be started twice', async () => {
    const store = await fixture.make();
    await Promise.all([store.start(), store.start()]);
    await store.start();
    expect(await countClients()).toBe(1);
    expect(fixture.logger.lines).toEqual([]);
  });

  it('names the host and port that does not answer, never the password', async () => {
    const store = await fixture.make({ url: 'redis://user:s3cret@127.0.0.1:1', startTimeout: '300ms' });
    const error: unknown = await store.start().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'SESSION_STORE_UNAVAILABLE',
      message: expect.stringMatching(/Redis at 127\.0\.0\.1:1 cannot be reached: .*300 ms.*ECONNREFUSED/),
    });
    expect(inspectAll(error)).not.toContain('s3cret');
  });

  it('names a host that does not exist', async () => {
    const store = await fixture.make({ url: 'redis://nowhere.invalid:6379', startTimeout: '1s' });
    await expect(store.start()).rejects.toThrow(
      /Redis at nowhere\.invalid:6379 cannot be reached: .*(ENOTFOUND|EAI_AGAIN)/,
    );
  });

  it('waits for a slow server, and can be started again after a failure', async () => {
    const late = await startRedisServer();
    const lateFixture = new RedisFixture(late);
    late.kill('SIGSTOP');
    const store = await lateFixture.make({ startTimeout: '400ms' });
    await expect(store.start()).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    const starting = store.start();
    late.kill('SIGCONT');
    await starting;
    await lateFixture.close();
    await late.stop();
  });

  it('reports refused credentials', async () => {
    const store = await fixture.make({ url: server.url.replace('//', '//user:s3cret@') });
    const error: unknown = await store.start().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'SESSION_CONFIGURATION',
      message: expect.stringMatching(/^redisStore\.url is refused .*WRONGPASS/),
    });
    expect(inspectAll(error)).not.toContain('s3cret');
  });

  it('reports a missing database instead of using another', async () => {
    const store = await fixture.make({ url: `${server.url}/99` });
    await expect(store.start()).rejects.toThrow(/redisStore\.url is refused .*DB index is out of range/);
  });

  it('leaves no connection open when it fails', async () => {
    const store = await fixture.make({ url: `${server.url}/99` });
    await expect(store.start()).rejects.toThrow(/DB index/);
    await eventually(async () => expect(await countClients()).toBe(0));
  });

  it('warns of an eviction policy that would evict sessions, and names it (cuttle-cards/cuttle#1365)', async () => {
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await fixture.open();
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    expect(fixture.logger.warnings).toEqual([
      expect.stringMatching(/maxmemory-policy allkeys-lru: .*signed out.*noeviction/),
    ]);
  });

  it('warns when a client of the application has no error listener (redis/ioredis#1192)', async () => {
    const client = fixture.client();
    client.removeAllListeners('error');
    await fixture.open({ client });
    expect(fixture.logger.warnings).toEqual([expect.stringContaining("redisStore.client has no 'error' listener")]);
  });

  it('warns of a replica', async () => {
    const replica = await startRedisServer({ args: ['--replicaof', '127.0.0.1', String(server.port)] });
    const replicaFixture = new RedisFixture(replica);
    await replicaFixture.open();
    expect(replicaFixture.logger.warnings).toEqual([expect.stringMatching(/is a replica/)]);
    await replicaFixture.close();
    await replica.stop();
  });

  it('rejects a server older than 6.2', async () => {
    const old = await listenAsRedis('6.0.16');
    const { port } = old.address() as AddressInfo;
    const store = await fixture.make({ url: `redis://127.0.0.1:${port}` });
    await expect(store.start()).rejects.toThrow(
      /redisStore\.url connects to Redis 6\.0\.16 at 127\.0\.0\.1:\d+\. Use 6\.2 or newer/,
    );
    old.close();
  });

  it('rejects a closed client', async () => {
    const client = fixture.client();
    await client.quit();
    const store = await fixture.make({ client });
    await expect(store.start()).rejects.toThrow(/cannot be reached: the client is closed/);
  });

  it('names the missing package when ioredis is not installed', async () => {
    await expect(openClient({ url: server.url, operationTimeoutMs: 500 }, failToLoad)).rejects.toMatchObject({
      code: 'SESSION_CONFIGURATION',
      message: expect.stringContaining('npm install ioredis'),
    });
  });

  it('rejects every call before start and after stop', async () => {
    const store = await fixture.make();
    await expect(store.find('x')).rejects.toThrow(/not started/);
    await store.stop();
    await expect(store.find('x')).rejects.toThrow(/stopped/);
    await expect(store.start()).rejects.toThrow(/stopped/);
  });

  describe('options', () => {
    it.each<[string, unknown, RegExp]>([
      ['no client', {}, /^redisStore needs exactly one of url, client and clientToken/],
      ['two clients', { url: 'redis://localhost', clientToken: 'REDIS' }, /^redisStore needs exactly one/],
      [
        'a URL of something else',
        { url: 'http://user:s3cret@localhost' },
        /^redisStore\.url must be a URL such as redis:/,
      ],
      ['a URL that is none', { url: 'localhost:6379' }, /^redisStore\.url must be/],
      ['a client that is none', { client: { get() {} } }, /^redisStore\.client must be a client of ioredis/],
      [
        'a timeout without a unit',
        { url: 'redis://localhost', operationTimeout: 500 },
        /^redisStore\.operationTimeout must be/,
      ],
      ['an empty prefix', { url: 'redis://localhost', keyPrefix: '' }, /^redisStore\.keyPrefix must be/],
      ['a prefix with braces', { url: 'redis://localhost', keyPrefix: '{a}' }, /^redisStore\.keyPrefix must be/],
    ])('with %s are refused', (_name, options, message) => {
      expect(() => redisStore(options as RedisStoreOptions)).toThrow(message);
    });

    it('are rejected when the token provides something else', async () => {
      const definition = redisStore({ clientToken: 'REDIS' });
      const context = { logger: fixture.logger, retentionMs: 1, auditRetentionMs: 1 };
      expect(() => definition.create(context, undefined)).toThrow(
        /^redisStore\.clientToken must be a client of ioredis/,
      );
    });

    it('are rejected with a client that reads from replicas (laravel/framework#22164)', () => {
      for (const scaleReads of ['all', 'slave', () => []] as const) {
        const client = new Cluster([], { lazyConnect: true, scaleReads });
        expect(() => redisStore({ client })).toThrow(/^redisStore\.client reads from replicas .*scaleReads: 'master'/);
      }
      const sentinels = [{ host: '127.0.0.1', port: 1 }];
      const replica = fixture.client({ lazyConnect: true, sentinels, name: 'm', role: 'slave' });
      expect(() => redisStore({ client: replica })).toThrow(/is connected to a replica/);
    });
  });
});

function failToLoad(): Promise<never> {
  return Promise.reject(new Error("Cannot find package 'ioredis'"));
}

/** A server that answers nothing except its version. */
async function listenAsRedis(version: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const info = `redis_version:${version}\r\nrole:master\r\n`;
      for (const [command] of bytes.toString().matchAll(/^(hello|info|client)\r$/gim)) {
        const isInfo = /info/i.test(command);
        socket.write(isInfo ? `$${info.length}\r\n${info}\r\n` : '-NOPROTO unsupported\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function inspectAll(error: unknown): string {
  if (!isNativeError(error)) return String(error);
  return [error.message, error.stack, JSON.stringify(error), inspectAll(error.cause)].join('\n');
}
