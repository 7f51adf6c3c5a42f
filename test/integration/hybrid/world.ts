import { afterAll, beforeAll } from '@jest/globals';
import { Redis } from 'ioredis';
import type { SessionStore } from 'nest-sessions/store';
import type { HybridSessionStore } from 'nest-sessions/hybrid';
import { postgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable.js';
import { redisHotSessions } from '#src/stores/redis/hot/redis-hot.js';
import { aNewSession } from 'nest-sessions/testing';
import { CircuitBreaker } from '#src/stores/hybrid/sides/circuit-breaker.js';
import { assembleHybrid } from '#src/stores/hybrid/store/assemble-hybrid.js';
import type { SessionRecord } from '#src/core/session/session-record.js';
import type { NewSession } from '#src/core/ports/session-store.js';
import { waitUntil } from '../../support/poll.js';
import { PortCalls } from '../../support/port-calls.js';
import { startRedisServer, type RedisServer } from 'local-servers/testing';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { PostgresWorld } from '../postgres/world.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const BREAKER_PERIOD_MS = 1_000;
const NEVER_MS = 3_600_000;
const KEPT = 'nest-sessions:revocations';

export const END = { reason: 'revoked', endedBy: 'admin' } as const;

/** An instance of the application, reduced to its sessions. */
export interface HybridInstance {
  readonly store: HybridSessionStore;
  readonly calls: PortCalls;
  /** Works off what is pending, as the instance's timer would. */
  sweep(): Promise<void>;
  /** Breaks this instance's connections to a side and refuses new ones. */
  cutOff(side: 'redis' | 'postgres'): void;
  /** Resolves when the instance reaches the side again and its breaker has closed. */
  rejoin(side: 'redis' | 'postgres'): Promise<void>;
  /** Moves the breakers' clock by a period. Nothing else moves it. */
  passBreakerPeriod(): void;
}

/** Hybrid stores on one Redis and one schema, which sweep and reconcile only when told. */
export class HybridWorld {
  private readonly closers: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly server: RedisServer,
    readonly postgres: PostgresWorld,
    readonly redis: Redis,
  ) {}

  static async open(): Promise<HybridWorld> {
    const [server, postgres] = await Promise.all([startRedisServer(), PostgresWorld.open({ hotChanges: true })]);
    return new HybridWorld(server, postgres, new Redis(server.url));
  }

  async openInstance({
    durableKeys = [],
    calls = new PortCalls(),
  }: { durableKeys?: readonly string[]; calls?: PortCalls } = {}): Promise<HybridInstance> {
    const toRedis = await TcpProxy.open(this.server.port);
    const postgresUrl = new URL(this.postgres.url);
    const toPostgres = await TcpProxy.open(Number(postgresUrl.port || 5432));
    postgresUrl.hostname = '127.0.0.1';
    postgresUrl.port = String(toPostgres.port);
    const context = this.postgres.context();
    const hot = redisHotSessions({ url: `redis://127.0.0.1:${toRedis.port}`, operationTimeout: '2s' }).create(context);
    const durable = postgresDurableSessions({
      url: postgresUrl.href,
      schema: this.postgres.schema,
      operationTimeout: '5s',
      touchFlushInterval: '50ms',
    }).create(context);
    let nowMs = 0;
    const breaker = (name: string) =>
      new CircuitBreaker({ name, threshold: 1, periodMs: BREAKER_PERIOD_MS, nowMs: () => nowMs });
    const parts = { hot: calls.wrap('hot', hot), durable: calls.wrap('durable', durable) };
    const breakers = { hotBreaker: breaker('redis'), durableBreaker: breaker('postgres') };
    const { store, sweeper } = assembleHybrid({
      ...parts,
      ...breakers,
      durableKeys,
      logger: context.logger,
      sweepIntervalMs: NEVER_MS,
      reconcileIntervalMs: false,
    });
    await store.start();
    this.closers.push(async () => {
      await store.stop();
      await Promise.all([toRedis.close(), toPostgres.close()]);
    });
    const { id } = aNewSession();
    const passBreakerPeriod = () => void (nowMs += BREAKER_PERIOD_MS);
    return {
      store,
      calls,
      sweep: () => sweeper.sweep(),
      passBreakerPeriod,
      cutOff: (side) => (side === 'redis' ? toRedis : toPostgres).refuse(),
      rejoin: async (side) => {
        (side === 'redis' ? toRedis : toPostgres).accept();
        const [sideBreaker, ask] =
          side === 'redis'
            ? [breakers.hotBreaker, () => hot.read(id)]
            : [breakers.durableBreaker, () => durable.find(id)];
        await waitUntil(`${side} answers again`, async () => {
          passBreakerPeriod();
          await sideBreaker.run<unknown>(ask);
          return true;
        });
      },
    };
  }

  /** Whether Redis holds a copy of this session, believed or not. */
  async hasCopy(id: string): Promise<boolean> {
    return (await this.redis.hexists(this.keyOf(id), id)) === 1;
  }

  keyOf(id: string): string {
    return `nest-sessions:{${id.slice(19, 23)}${id.slice(24)}}`;
  }

  /** Audit rows as `session.ended revoked admin`, in the order of the events. */
  async auditOf(id: string): Promise<string[]> {
    const rows = await this.postgres.query<{ line: string }>(
      `select concat_ws(' ', event, reason, actor) as line from session_audit where session_id = $1 order by id`,
      [id],
    );
    return rows.map(({ line }) => line);
  }

  /** Makes kept revocations a minute older. */
  async moveKeptRevocationsBack(): Promise<void> {
    const kept = await this.redis.hgetall(KEPT);
    for (const [field, value] of Object.entries(kept)) {
      await this.redis.hset(
        KEPT,
        field,
        value.replace(/^\d+/, (ms) => String(Number(ms) - MINUTE_MS)),
      );
    }
  }

  /** Makes a session two minutes older. */
  async moveBeginningBack(id: string): Promise<void> {
    await this.postgres.query(`update sessions set created_at = created_at - interval '2 minutes' where id = $1`, [id]);
  }

  async close(): Promise<void> {
    await Promise.all(this.closers.map((close) => close()));
    this.redis.disconnect();
    await this.server.stop();
    await this.postgres.close();
  }
}

export async function signIn(store: SessionStore, overrides: Partial<NewSession> = {}): Promise<SessionRecord> {
  const created = await store.create(aNewSession({ userId: 'alice', data: { cart: 1 }, ...overrides }));
  if (!created.created) throw new Error(`refused: ${created.reason}`);
  return created.record;
}

/** Ids in alphabetical order. */
export async function listIds(store: SessionStore, userId: string): Promise<string[]> {
  const { records } = await store.listByUser({ userId });
  return records.map(({ id }) => id).toSorted();
}

/** Opens a world for the tests of a file or group, and closes it after them. */
export function useHybridWorld(assign: (world: HybridWorld) => void): void {
  let world: HybridWorld | undefined;
  beforeAll(async () => {
    world = await HybridWorld.open();
    assign(world);
  });
  afterAll(() => world?.close());
}
