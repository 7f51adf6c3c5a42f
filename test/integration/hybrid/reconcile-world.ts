import { Redis } from 'ioredis';
import { randomBytes } from 'node:crypto';
import { hybridStore, type HybridSessionStore, type HybridStoreOptions } from 'nest-sessions/hybrid';
import { postgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable.js';
import { redisHotSessions } from '#src/stores/redis/hot/redis-hot.js';
import { aNewSession } from 'nest-sessions/testing';
import { CircuitBreaker } from '#src/stores/hybrid/sides/circuit-breaker.js';
import { assembleHybrid } from '#src/stores/hybrid/store/assemble-hybrid.js';
import type { DurableSessions } from '#src/core/ports/durable-sessions.js';
import type { HotSessions } from '#src/core/ports/hot-sessions.js';
import type { SessionRecord } from '#src/core/session/session-record.js';
import type { NewSession, SessionStore } from '#src/core/ports/session-store.js';
import { PostgresWorld } from '../postgres/world.js';

export const END = { reason: 'revoked', endedBy: null } as const;

const SLOW = '20s';

/** Hybrid stores on one pair of servers that follow nothing by themselves, and manual edits on both sides. */
export class ReconcileWorld {
  readonly keyPrefix = `reconcile-${randomBytes(4).toString('hex')}`;
  readonly logged: string[];
  private readonly stores: SessionStore[] = [];

  private constructor(
    readonly postgres: PostgresWorld,
    readonly redis: Redis,
    private readonly redisUrl: string,
  ) {
    this.logged = postgres.logged;
  }

  static async open(redisUrl: string): Promise<ReconcileWorld> {
    const postgres = await PostgresWorld.open({ hotChanges: true });
    return new ReconcileWorld(postgres, new Redis(redisUrl), redisUrl);
  }

  async openStore(options: Partial<HybridStoreOptions> = {}): Promise<HybridSessionStore> {
    const dataSource = await this.postgres.openDataSource({ poolSize: 4 });
    const store = hybridStore({
      sweepInterval: '1h',
      reconcileInterval: false,
      ...options,
      redis: { keyPrefix: this.keyPrefix, operationTimeout: SLOW, ...(options.redis ?? { url: this.redisUrl }) },
      postgres: { operationTimeout: SLOW, ...options.postgres },
    }).create(this.postgres.context(), dataSource) as HybridSessionStore;
    return this.start(store);
  }

  /** Opens a store whose sides are changed before it gets them. */
  async openOn(change: (sides: { hot: HotSessions; durable: DurableSessions }) => void): Promise<HybridSessionStore> {
    const { store } = await this.assemble(change);
    return store;
  }

  /** Works off what is pending, as the timer of any instance would. */
  async sweep(): Promise<void> {
    const { sweeper } = await this.assemble(() => undefined);
    await sweeper.sweep();
  }

  private async assemble(change: (sides: { hot: HotSessions; durable: DurableSessions }) => void) {
    const context = this.postgres.context();
    const redis = { keyPrefix: this.keyPrefix, operationTimeout: SLOW, url: this.redisUrl } as const;
    const hot = redisHotSessions(redis).create(context);
    const dataSource = await this.postgres.openDataSource({ poolSize: 4 });
    const durable = postgresDurableSessions({ dataSource, operationTimeout: SLOW }).create(context);
    change({ hot, durable });
    const breaker = (name: string) => new CircuitBreaker({ name, threshold: 1, periodMs: 1 });
    const assembled = assembleHybrid({
      hot,
      durable,
      hotBreaker: breaker('redis'),
      durableBreaker: breaker('postgres'),
      durableKeys: [],
      logger: context.logger,
      sweepIntervalMs: 3_600_000,
      reconcileIntervalMs: false,
    });
    await this.start(assembled.store);
    return assembled;
  }

  keyOf(id: string): string {
    return `${this.keyPrefix}:{${id.slice(19, 23)}${id.slice(24)}}`;
  }

  /** @returns A function that puts the copy's present fields back by hand. */
  async keepCopy(id: string): Promise<() => Promise<void>> {
    const fields = Object.entries(await this.redis.hgetall(this.keyOf(id))).filter(([name]) => name.startsWith(id));
    return async () => void (await this.redis.hset(this.keyOf(id), Object.fromEntries(fields)));
  }

  /** Deletes rows without a recorded change. */
  async deleteRows(ids: readonly string[]): Promise<void> {
    await this.postgres.query('delete from sessions where id = any($1)', [ids]);
  }

  async close(): Promise<void> {
    await Promise.all(this.stores.map((store) => store.stop()));
    await this.redis.flushall();
    this.redis.disconnect();
    await this.postgres.close();
  }

  private async start(store: HybridSessionStore): Promise<HybridSessionStore> {
    this.stores.push(store);
    await store.start();
    return store;
  }
}

export async function signIn(store: SessionStore, overrides: Partial<NewSession> = {}): Promise<SessionRecord> {
  const created = await store.create(aNewSession({ userId: 'alice', data: { cart: 1 }, ...overrides }));
  if (!created.created) throw new Error(`refused: ${created.reason}`);
  return created.record;
}

/** Creates sessions of many users, 200 sign-ins at a time. */
export async function signInMany(store: SessionStore, { sessions, users }: { sessions: number; users: number }) {
  const records: SessionRecord[] = [];
  while (records.length < sessions) {
    const batch = Array.from({ length: Math.min(200, sessions - records.length) }, (_, i) =>
      signIn(store, { userId: `user ${(records.length + i) % users}` }),
    );
    records.push(...(await Promise.all(batch)));
  }
  return records;
}
