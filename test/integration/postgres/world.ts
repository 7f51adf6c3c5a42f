import { afterAll, beforeAll } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { SessionStore, SessionStoreContext } from 'nest-sessions/store';
import {
  postgresStore,
  sessionMigrations,
  type PostgresStoreOptions,
  type SessionMigrationOptions,
} from 'nest-sessions/postgres';
import { DAY_MS } from '#src/testing/world/durations.js';

type PostgresDataSourceOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** A schema of its own on the test server, with DataSources and stores on it. Drops it at the end. */
export class PostgresWorld {
  readonly schema = `test_${randomBytes(6).toString('hex')}`;
  readonly logged: string[] = [];
  private readonly dataSources: DataSource[] = [];
  private readonly stores: SessionStore[] = [];

  private constructor(
    readonly url: string,
    readonly admin: DataSource,
  ) {}

  /** With tables, unless `migrate` is `false`. */
  static async open({ migrate = true, url = getPostgresUrl(), ...options }: WorldOptions = {}): Promise<PostgresWorld> {
    const world = new PostgresWorld(url, new DataSource({ type: 'postgres', url, poolSize: 4 }));
    await world.admin.initialize();
    await world.admin.query(`create schema ${world.schema}`);
    if (migrate) await world.migrate(options);
    return world;
  }

  async migrate(options: Partial<SessionMigrationOptions> = {}): Promise<void> {
    const migrations = sessionMigrations({ schema: this.schema, userIdType: 'text', ...options });
    await (await this.openDataSource({ migrations })).runMigrations();
  }

  async openDataSource(options: Partial<PostgresDataSourceOptions> = {}): Promise<DataSource> {
    const dataSource = new DataSource({ type: 'postgres', url: this.url, schema: this.schema, ...options });
    this.dataSources.push(dataSource);
    return dataSource.initialize();
  }

  /** A started store, on a DataSource of its own unless one is given. */
  async openStore({ pool, context, ...options }: StoreOptions = {}): Promise<SessionStore> {
    const dataSource = options.dataSource ?? (await this.openDataSource({ poolSize: pool ?? 10 }));
    // Longer than by default: the machine may be busy with other tests.
    return this.startStore({ operationTimeout: '30s', startTimeout: '30s', ...options, dataSource }, context);
  }

  async startStore(options: PostgresStoreOptions, context: Partial<SessionStoreContext> = {}): Promise<SessionStore> {
    const store = await postgresStore(options).create(this.context(context));
    this.stores.push(store);
    await store.start();
    return store;
  }

  context(overrides: Partial<SessionStoreContext> = {}): SessionStoreContext {
    const log = (message: string) => void this.logged.push(message);
    const logger = { debug: log, log, warn: log, error: log };
    return { logger, retentionMs: 30 * DAY_MS, auditRetentionMs: 365 * DAY_MS, ...overrides };
  }

  /** Rows of a query; `sessions`, `session_audit` and `session_floors` are this world's tables. */
  async query<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const text = sql.replaceAll(/\b(sessions|session_audit|session_floors)\b/g, `${this.schema}.$1`);
    return this.admin.query(text, values);
  }

  /** Runs work while the sessions' table has another name. */
  async withoutTable(work: () => Promise<void>): Promise<void> {
    await this.admin.query(`alter table ${this.schema}.sessions rename to hidden`);
    try {
      await work();
    } finally {
      await this.admin.query(`alter table ${this.schema}.hidden rename to sessions`);
    }
  }

  /** Does work in a world in a database of its own, where no other test's snapshot keeps dead rows alive. */
  async inOwnDatabase(work: (world: PostgresWorld) => Promise<void>): Promise<void> {
    const url = new URL(this.url);
    url.pathname = `/${this.schema}`;
    await this.admin.query(`create database ${this.schema}`);
    try {
      const world = await PostgresWorld.open({ url: url.href });
      await work(world);
      await world.close();
    } finally {
      await this.admin.query(`drop database ${this.schema} with (force)`);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.stores.map((store) => store.stop()));
    await Promise.all(this.dataSources.map(async (one) => (one.isInitialized ? one.destroy() : undefined)));
    await this.admin.query(`drop schema ${this.schema} cascade`);
    await this.admin.destroy();
  }
}

export type WorldOptions = Partial<SessionMigrationOptions> & { readonly migrate?: boolean; readonly url?: string };

export type StoreOptions = Exclude<PostgresStoreOptions, { url: string }> & {
  readonly dataSource?: DataSource;
  /** Connections at most. */
  readonly pool?: number;
  readonly context?: Partial<SessionStoreContext>;
};

export function getPostgresUrl(): string {
  const url = process.env['TEST_POSTGRES_URL'];
  if (!url) throw new Error('TEST_POSTGRES_URL is not set: run the tests by "npm run jest", which starts the servers');
  return url;
}

/** Opens a world for the tests of a file or group, and closes it after them. */
export function usePostgresWorld(assign: (world: PostgresWorld) => void, options: WorldOptions = {}): void {
  let world: PostgresWorld | undefined;
  beforeAll(async () => {
    world = await PostgresWorld.open(options);
    assign(world);
  });
  afterAll(() => world?.close());
}
