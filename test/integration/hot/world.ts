import { eventually } from '../../support/redis-probes.js';
import { afterEach } from '@jest/globals';
import { Redis, type RedisOptions } from 'ioredis';
import { randomBytes } from 'node:crypto';
import type { RedisStoreOptions } from 'nest-sessions/redis';
import { anAuthentication, aNewSession, aTokenHash } from 'nest-sessions/testing';
import type { HotLease, HotRead, HotSessions } from '#src/core/ports/hot-sessions.js';
import { redisHotSessions } from '#src/stores/redis/hot/redis-hot.js';
import type { SessionRecord, LiveSession } from '#src/core/session/session-record.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';
import { emptyRedis, useRedisServer, type UsedRedisServer } from '../../support/redis-server.js';

export const TOUCH = { idleTimeoutMs: 45 * MINUTE_MS, touchIntervalMs: 0 };

/** The four fields of a copy, by the suffix after the id. */
export const SUFFIXES = ['', ':t', ':g', ':l'] as const;

/** Hot sides on one server, with their own key prefix, and a client to inspect them. */
export class HotWorld {
  readonly keyPrefix = `hot-${randomBytes(4).toString('hex')}`;
  readonly logged: string[] = [];
  private readonly closers: (() => Promise<unknown>)[] = [];

  /** @param server - Its port is read when the world is used. */
  constructor(private readonly server: { readonly port: number }) {}

  /** Creates a hot side without starting it. */
  make(options: Partial<RedisStoreOptions> = {}): HotSessions {
    const source = 'client' in options ? {} : { url: urlOf(this.server.port) };
    // Other suites share the two busy cores: only tests of deadlines should reach one.
    const settings = { keyPrefix: this.keyPrefix, operationTimeout: '10s', ...source, ...options } as RedisStoreOptions;
    const log = (message: string) => void this.logged.push(message);
    const hot = redisHotSessions(settings).create({ logger: { debug: log, log, warn: log, error: log } });
    this.closers.unshift(() => hot.stop());
    return hot;
  }

  async open(options: Partial<RedisStoreOptions> = {}): Promise<HotSessions> {
    const hot = this.make(options);
    await hot.start();
    return hot;
  }

  /** Opens a client for the test itself, with the default options of ioredis. */
  client(options: RedisOptions = {}): Redis {
    const client = new Redis({ host: '127.0.0.1', port: this.server.port, retryStrategy: () => 20, ...options });
    client.on('error', () => undefined);
    this.closers.push(() => Promise.resolve(client.disconnect()));
    return client;
  }

  keyOf(id: string): string {
    return `${this.keyPrefix}:{${id.slice(19, 23)}${id.slice(24)}}`;
  }

  async close(): Promise<void> {
    for (const close of this.closers.splice(0)) await close();
  }
}

/** Starts a Redis for the tests of a block, and gives each test an empty world on it. */
export function useHotWorld(): { readonly server: UsedRedisServer; readonly world: HotWorld } {
  const server = useRedisServer();
  const world = new HotWorld(server);
  afterEach(async () => {
    server.kill('SIGCONT');
    await emptyRedis(world.client());
    await world.close();
    world.logged.length = 0;
  });
  return { server, world };
}

export function urlOf(port: number): string {
  return `redis://127.0.0.1:${port}`;
}

/** Builds the durable side's answer about a live session of some minutes ago, by a clock that may be off. */
export function aLiveSession({
  clockOffsetMs = 0,
  ageMs = 3 * MINUTE_MS,
  ...overrides
}: Partial<SessionRecord> & { clockOffsetMs?: number; ageMs?: number } = {}): LiveSession {
  const { id, userId, ipAddress, userAgent, device } = aNewSession({ userId: overrides.userId ?? 'alice' });
  const nowMs = Date.now() + clockOffsetMs;
  const at = (ms: number) => new Date(nowMs + ms);
  const record: SessionRecord = {
    id,
    userId,
    ...anAuthentication(),
    ipAddress,
    userAgent,
    device,
    tokenHash: aTokenHash(),
    data: {},
    version: 1,
    createdAt: at(-ageMs),
    authenticatedAt: at(-ageMs),
    lastSeenAt: at(-Math.min(ageMs, MINUTE_MS)),
    expiresAt: at(30 * MINUTE_MS),
    absoluteExpiresAt: at(600 * MINUTE_MS),
    ...overrides,
  };
  return { record, now: at(0) };
}

/** Confirms a session without any interference. */
export async function confirm(hot: HotSessions, live: LiveSession, { isNew = false } = {}): Promise<LiveSession> {
  const lease = await hot.lease(live.record.id);
  const promoted = await hot.promote({ lease, live, data: live.record.data, isNew });
  if (!promoted) throw new Error('the lease was lost');
  return promoted;
}

/** Lists the ids of all copies, page by page, each once. */
export async function listCopiedIds(hot: HotSessions, limit = 10): Promise<string[]> {
  const ids = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await hot.scanCopies(cursor === undefined ? { limit } : { limit, cursor });
    for (const { id } of page.copies) ids.add(id);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return [...ids];
}

export function promote(
  hot: HotSessions,
  { lease, live }: { lease: HotLease; live: LiveSession },
): Promise<LiveSession | undefined> {
  return hot.promote({ lease, live, data: live.record.data });
}

/** Reads until the copy is in this state. An outage, or a server still unknown, has no event to await. */
export function readUntil(hot: HotSessions, { id, state }: { id: string; state: HotRead['state'] }): Promise<HotRead> {
  return eventually(async () => {
    const read = await hot.read(id);
    if (read.state !== state) throw new Error(`the copy is ${read.state} and not ${state}`);
    return read;
  });
}
