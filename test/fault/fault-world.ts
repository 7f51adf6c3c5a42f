import { Redis } from 'ioredis';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hybridStore, HybridSessionStore } from 'nest-sessions/hybrid';
import { postgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable.js';
import { redisHotSessions } from '#src/stores/redis/hot/redis-hot.js';
import type { SessionService } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import type { DataSource } from 'typeorm';
import { startEmbeddedPostgres, type EmbeddedPostgres } from 'local-servers';
import { CircuitBreaker } from '#src/stores/hybrid/sides/circuit-breaker.js';
import { assembleHybrid } from '#src/stores/hybrid/store/assemble-hybrid.js';
import { WatchedSessionStore } from '#src/core/events/watched-session.store.js';
import { createSessionService } from '#src/core/service/create-session-service.js';
import type { DurableSessions } from '#src/core/ports/durable-sessions.js';
import type { HotSessions } from '#src/core/ports/hot-sessions.js';
import { RecordingLogger } from '#src/testing/world/recording-logger.js';
import { PostgresWorld } from '../integration/postgres/world.js';
import { waitUntil } from '../support/poll.js';
import { startRedisServer, type RedisServer } from 'local-servers/testing';
import { TcpProxy } from '../support/tcp-proxy.js';

const NEVER_MS = 3_600_000;
const BREAKER_PERIOD_MS = 100;
/** Long enough for calls that work, although other suites share two busy cores. Short enough for calls that hang. */
const DEADLINE = '1s';
const POSTGRES_SETTINGS = { fsync: 'off', full_page_writes: 'off' };
const POLICY = {
  idleTimeoutMs: 30 * 60_000,
  secondFactorTimeoutMs: 600_000,
  absoluteTimeoutMs: 12 * 3_600_000,
  touchIntervalMs: 60_000,
  onLimit: 'revoke-oldest',
  maxDataBytes: 4096,
} as const;

/** Both sides of one process, with the pool of its connections to Postgres. */
export interface Sides {
  readonly hot: HotSessions;
  readonly durable: DurableSessions;
  readonly pool: DataSource;
}

/** A process of the application, reduced to its sessions. */
export interface Instance {
  readonly store: HybridSessionStore;
  readonly service: SessionService;
}

export interface SweptInstance extends Instance {
  /** Works off what is pending, as the instance's timer would. */
  sweep(): Promise<void>;
}

export interface InstanceOptions {
  readonly durableKeys?: readonly string[];
  /** 0: every call is tried. */
  readonly breakerPeriodMs?: number;
}

/** A Redis and a Postgres for these tests alone. Each can fail and come back in many ways. */
export class FaultWorld {
  private isRedisDown = false;
  private isPostgresDown = false;
  readonly world: PostgresWorld;
  /** In front of Postgres, for all instances. The test itself connects directly. */
  readonly proxy: TcpProxy;
  /** The test's own client of Redis. */
  readonly redis: Redis;
  /** The instance that `openSweeping` opened. */
  sweeping: Instance | undefined;
  private readonly closers: (() => Promise<unknown>)[] = [];

  private constructor(
    public redisServer: RedisServer,
    public postgresServer: EmbeddedPostgres,
    parts: { readonly world: PostgresWorld; readonly proxy: TcpProxy; readonly redis: Redis },
  ) {
    ({ world: this.world, proxy: this.proxy, redis: this.redis } = parts);
  }

  static async open(): Promise<FaultWorld> {
    const [redisDir, dataDir] = await Promise.all([makeFolder('redis'), makeFolder('pg')]);
    const [redisServer, postgresServer] = await Promise.all([
      startRedisServer({ dir: redisDir }),
      startEmbeddedPostgres({ dataDir, persistent: true, settings: POSTGRES_SETTINGS }),
    ]);
    const world = await PostgresWorld.open({ url: postgresServer.url, hotChanges: true });
    const proxy = await TcpProxy.open(postgresServer.port);
    const redis = new Redis(redisServer.url, { retryStrategy: () => 20 });
    redis.on('error', () => undefined);
    return new FaultWorld(redisServer, postgresServer, { world, proxy, redis });
  }

  /** Opens the sides of one more process. */
  async openSides({ poolSize = 10, isStarted = true } = {}): Promise<Sides> {
    const pool = await this.world.openDataSource({
      url: this.proxiedUrl,
      poolSize,
      connectTimeoutMS: 1_000,
      poolErrorHandler: () => undefined,
    });
    const context = this.world.context();
    const hot = redisHotSessions({ url: this.redisServer.url, operationTimeout: DEADLINE }).create(context);
    const durable = postgresDurableSessions({
      dataSource: pool,
      schema: this.world.schema,
      operationTimeout: DEADLINE,
      cleanUpTimeout: DEADLINE,
      touchFlushInterval: '20ms',
    }).create(context);
    if (isStarted) await Promise.all([hot.start(), durable.start()]);
    this.closers.push(async () => {
      await durable.stop();
      await hot.stop();
    });
    return { hot, durable, pool };
  }

  /** An instance with closed breakers, on sides that other instances may share. It sweeps only when told. */
  instance(
    { hot, durable }: Sides,
    { durableKeys = [], breakerPeriodMs = BREAKER_PERIOD_MS }: InstanceOptions = {},
  ): SweptInstance {
    const breaker = (name: string, threshold: number) =>
      new CircuitBreaker({ name, threshold, periodMs: breakerPeriodMs });
    const { logger } = this.world.context();
    const { store, sweeper } = assembleHybrid({
      hot,
      durable,
      hotBreaker: breaker('redis', 1),
      durableBreaker: breaker('postgres', 3),
      durableKeys,
      logger,
      sweepIntervalMs: NEVER_MS,
      reconcileIntervalMs: false,
    });
    return { store, service: serviceOn(store), sweep: () => sweeper.sweep() };
  }

  /** Another process, made as an application makes it. It sweeps every 50 ms. */
  async openSweeping({ durableKeys = [] }: { durableKeys?: readonly string[] } = {}): Promise<Instance> {
    const context = this.world.context();
    const store = (await hybridStore({
      redis: { url: this.redisServer.url, operationTimeout: DEADLINE },
      postgres: { url: this.proxiedUrl, schema: this.world.schema, operationTimeout: DEADLINE },
      durableKeys,
      breakerPeriod: `${BREAKER_PERIOD_MS}ms`,
      sweepInterval: '50ms',
      reconcileInterval: false,
    }).create(context)) as HybridSessionStore;
    await store.start();
    this.closers.push(() => store.stop());
    this.sweeping = { store, service: serviceOn(store) };
    return this.sweeping;
  }

  /** The sides that still record pending work about these sessions or this user. Only sides that answer are asked. */
  async pendingOf({ userId, ids }: { userId: string; ids: readonly string[] }): Promise<('redis' | 'postgres')[]> {
    const pending: ('redis' | 'postgres')[] = [];
    if (!this.isPostgresDown && (await this.isChangeListed(ids))) pending.push('redis');
    if (!this.isRedisDown && (await this.isRevocationKept([userId, ...ids]))) pending.push('postgres');
    return pending;
  }

  private async isChangeListed(ids: readonly string[]): Promise<boolean> {
    const sql = `select 1 from ${this.world.schema}.session_hot_changes where session_id = any($1::uuid[])`;
    return (await this.world.admin.query<unknown[]>(sql, [ids])).length > 0;
  }

  private async isRevocationKept(names: readonly string[]): Promise<boolean> {
    const kept = Object.values(await this.redis.hgetall('nest-sessions:revocations'));
    return kept.some((value) => names.some((name) => value.includes(JSON.stringify(name))));
  }

  /** Ids of the user's copies in Redis, believed or not. */
  async copiesOf(ids: readonly string[]): Promise<string[]> {
    const found = await Promise.all(ids.map((id) => this.redis.hexists(keyOf(id), id)));
    return ids.filter((_id, index) => found[index] === 1);
  }

  freezeRedis(): void {
    this.isRedisDown = true;
    this.redisServer.kill('SIGSTOP');
  }

  thawRedis(): void {
    this.redisServer.kill('SIGCONT');
    this.isRedisDown = false;
  }

  async killRedis(): Promise<void> {
    this.isRedisDown = true;
    this.redisServer.kill('SIGKILL');
    await this.redisServer.exited;
  }

  /** Starts Redis again with the state that `saveRedis` kept last, or empty. */
  async restartRedis({ withSaved = false } = {}): Promise<void> {
    const { dir, port } = this.redisServer;
    if (!withSaved) await rm(join(dir, 'dump.rdb'), { force: true });
    this.redisServer = await startRedisServer({ dir, port });
    await waitUntil('the test reaches Redis again', async () => (await this.redis.ping()) === 'PONG');
    this.isRedisDown = false;
  }

  async killPostgres(): Promise<void> {
    this.isPostgresDown = true;
    this.postgresServer.kill('SIGKILL');
    await waitUntil('Postgres is gone', async () => !(await this.doesPostgresAnswer()));
  }

  async restartPostgres(): Promise<void> {
    const { dataDir, port } = this.postgresServer;
    this.postgresServer = await startEmbeddedPostgres({ dataDir, port, persistent: true, settings: POSTGRES_SETTINGS });
    await waitUntil('the test reaches Postgres again', () => this.doesPostgresAnswer());
    this.isPostgresDown = false;
  }

  async close(): Promise<void> {
    for (const close of this.closers.toReversed()) await close();
    this.redis.disconnect();
    await this.world.close();
    await Promise.all([this.proxy.close(), this.redisServer.stop(), this.postgresServer.stop()]);
    const folders = [this.redisServer.dir, this.postgresServer.dataDir];
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }

  private get proxiedUrl(): string {
    const url = new URL(this.world.url);
    url.port = String(this.proxy.port);
    return url.href;
  }

  private async doesPostgresAnswer(): Promise<boolean> {
    return this.world.admin.query('select 1').then(
      () => true,
      () => false,
    );
  }
}

/** The service of an application on this store. */
export function serviceOn(store: SessionStore): SessionService {
  return createSessionService({ store: new WatchedSessionStore(store), policy: POLICY, logger: new RecordingLogger() })
    .service;
}

export function keyOf(id: string): string {
  return `nest-sessions:{${id.slice(19, 23)}${id.slice(24)}}`;
}

function makeFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `nest-sessions-fault-${name}-`));
}
