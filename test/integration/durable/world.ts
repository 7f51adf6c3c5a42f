import { afterAll, beforeAll } from '@jest/globals';
import type { DataSource } from 'typeorm';
import type { SessionStoreContext } from 'nest-sessions/store';
import { postgresDurableSessions, type PostgresDurableOptions } from '#src/stores/postgres/durable/postgres-durable.js';
import type { PostgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable-sessions.js';
import type { PostgresStoreSettings } from 'nest-sessions/postgres';
import type { StoreHarness } from 'nest-sessions/testing';
import { PostgresWorld, type WorldOptions } from '../postgres/world.js';

/** A world whose tables record hot changes, with durable sides on it. */
export class DurableWorld {
  private readonly instances: PostgresDurableSessions[] = [];

  private constructor(readonly postgres: PostgresWorld) {}

  static async open(options: WorldOptions = {}): Promise<DurableWorld> {
    return new DurableWorld(await PostgresWorld.open({ hotChanges: true, ...options }));
  }

  /** A started durable side on a DataSource of its own, which is returned for holding its connections. */
  async openSide({ pool = 4, context, ...options }: SideOptions = {}): Promise<DurableSide> {
    const dataSource = await this.postgres.openDataSource({ poolSize: pool });
    const durable = postgresDurableSessions({ ...options, dataSource }).create(this.postgres.context(context));
    this.instances.push(durable);
    await durable.start();
    return { durable, dataSource };
  }

  /** Rows of a query; `sessions`, `session_audit` and `session_hot_changes` are this world's tables. */
  query<Row>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return this.postgres.query(
      sql.replaceAll('session_hot_changes', `${this.postgres.schema}.session_hot_changes`),
      values,
    );
  }

  /** Kind and id of every change recorded since the last call, oldest first. */
  async takeChanges(): Promise<string[]> {
    const rows = await this.query<{ kind: string; session_id: string; key: string }>(
      'delete from session_hot_changes returning kind, session_id, key',
    );
    // The pool wraps the rows of a command that is no select together with their number.
    const [deleted] = rows as unknown as [typeof rows];
    return deleted.toSorted((a, b) => Number(a.key) - Number(b.key)).map((row) => `${row.kind} ${row.session_id}`);
  }

  /** Makes a session look as if it was last seen so long ago that it expires in so many ms, or did when negative. */
  async letExpireIn(id: string, leftMs: number): Promise<void> {
    await this.postgres.admin.transaction(async (manager) => {
      // No triggers: by hand it would be final.
      await manager.query('set local session_replication_role = replica');
      await manager.query(
        `update ${this.postgres.schema}.sessions
         set created_at = created_at - d, last_seen_at = last_seen_at - d, expires_at = expires_at - d,
           purge_after = purge_after - d - interval '1 hour'
         from (select expires_at - now() - $2::float8 * interval '1 ms' as d from ${this.postgres.schema}.sessions
           where id = $1) shift
         where id = $1`,
        [id, leftMs],
      );
    });
  }

  /** Resolves when the server's clock has passed the session's expiry. */
  async waitUntilExpired(id: string): Promise<void> {
    await this.query(
      `select pg_sleep(greatest(0, extract(epoch from expires_at - clock_timestamp()) + 0.005)) from sessions where id = $1`,
      [id],
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.instances.map((durable) => durable.stop()));
    await this.postgres.close();
  }
}

export interface DurableSide {
  readonly durable: PostgresDurableSessions;
  readonly dataSource: DataSource;
}

export interface SideOptions extends PostgresStoreSettings {
  readonly expiryMargin?: PostgresDurableOptions['expiryMargin'];
  /** Connections at most. */
  readonly pool?: number;
  readonly context?: Partial<SessionStoreContext>;
}

/** Durable sides with one connection each, for the contract. */
export async function createPostgresDurableHarness(): Promise<StoreHarness> {
  const world = await DurableWorld.open();
  const openStore = async () => (await world.openSide({ pool: 1, operationTimeout: '10s' })).durable;
  return {
    store: await openStore(),
    secondInstance: openStore,
    countEntries: async () => {
      const [row] = await world.query<{ n: number }>('select count(*)::int as n from sessions where ended_at is null');
      return row?.n ?? 0;
    },
    corrupt: async (id) => {
      await world.query(`update sessions set data = '["of another time"]' where id = $1`, [id]);
    },
    close: () => world.close(),
  };
}

/** Opens a world for the tests of a file or group, and closes it after them. */
export function useDurableWorld(assign: (world: DurableWorld) => void, options: WorldOptions = {}): void {
  let world: DurableWorld | undefined;
  beforeAll(async () => {
    world = await DurableWorld.open(options);
    assign(world);
  });
  afterAll(() => world?.close());
}
