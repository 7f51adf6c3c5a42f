import { afterEach } from '@jest/globals';
import { Redis, type RedisOptions } from 'ioredis';
import { randomBytes } from 'node:crypto';
import { redisStore, type RedisStoreOptions } from 'nest-sessions/redis';
import type { SessionStore } from 'nest-sessions/store';
import { emptyRedis, useRedisServer, type UsedRedisServer } from '../../support/redis-server.js';

/** Collects the log lines of a store. */
export class CollectingLogger {
  readonly lines: string[] = [];
  readonly debug = (message: string) => void this.lines.push(`debug ${message}`);
  readonly log = (message: string) => void this.lines.push(`log ${message}`);
  readonly warn = (message: string) => void this.lines.push(`warn ${message}`);
  readonly error = (message: string) => void this.lines.push(`error ${message}`);

  get warnings(): string[] {
    return this.lines.filter((line) => line.startsWith('warn '));
  }
}

/** Opens stores and clients, and closes them together at the end. */
export class RedisFixture {
  readonly keyPrefix = `test-${randomBytes(4).toString('hex')}`;
  readonly logger = new CollectingLogger();
  private readonly closers: (() => Promise<unknown>)[] = [];

  /** @param server - Its URL is read when the fixture is used. */
  constructor(private readonly server: { readonly url: string }) {}

  get url(): string {
    return this.server.url;
  }

  /** Creates a store without starting it. */
  async make(options: Partial<RedisStoreOptions> = {}): Promise<SessionStore> {
    const source = 'client' in options ? {} : { url: this.url };
    // Other suites share the two busy cores: only tests of deadlines should reach one.
    const settings = { keyPrefix: this.keyPrefix, operationTimeout: '10s', ...source, ...options } as RedisStoreOptions;
    const context = { logger: this.logger, retentionMs: 1, auditRetentionMs: 1 };
    const store = await redisStore(settings).create(context);
    this.closers.unshift(() => store.stop());
    return store;
  }

  async open(options: Partial<RedisStoreOptions> = {}): Promise<SessionStore> {
    const store = await this.make(options);
    await store.start();
    return store;
  }

  /** Opens a client for the test itself. */
  client(options: RedisOptions = {}): Redis {
    const client = new Redis(this.url, options);
    client.on('error', () => undefined);
    this.closers.push(() => Promise.resolve(client.disconnect()));
    return client;
  }

  keyOf(sessionId: string): string {
    return `${this.keyPrefix}:{${sessionId.slice(19, 23)}${sessionId.slice(24)}}`;
  }

  async close(): Promise<void> {
    for (const close of this.closers.splice(0)) await close();
  }
}

/** Starts a Redis for the tests of a block, and gives each test an empty fixture on it. */
export function useRedisFixture(): { readonly server: UsedRedisServer; readonly fixture: RedisFixture } {
  const server = useRedisServer();
  const fixture = new RedisFixture(server);
  afterEach(async () => {
    server.kill('SIGCONT');
    await emptyRedis(fixture.client());
    await fixture.close();
    fixture.logger.lines.length = 0;
  });
  return { server, fixture };
}

/** Waits for a rejection and measures how long it took. */
export async function rejection(call: () => Promise<unknown>) {
  const startedAtMs = performance.now();
  const error = await call().then(
    () => new Error('it did not reject'),
    (reason: unknown) => reason,
  );
  return { error, elapsedMs: performance.now() - startedAtMs };
}
