import { hybridStore } from 'nest-sessions/hybrid';
import type { SessionStoreDefinition } from 'nest-sessions';
import { createTestSchema } from '../../support/postgres.js';
import { startRedisServer } from 'local-servers/testing';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { openMigrated } from './e2e-stores.js';

/** Both sides of a hybrid store, each of which a test may take away and give back. */
export interface HybridSides {
  readonly definition: SessionStoreDefinition;
  /** Freezes Redis: connections stay and nothing is answered. */
  freezeRedis(): void;
  thawRedis(): void;
  /** Breaks the connections to Postgres and refuses new ones. */
  cutOffPostgres(): void;
  reconnectPostgres(): void;
  close(): Promise<void>;
}

/** A Redis of its own, and a way to the shared Postgres of its own. */
export async function openHybridSides(): Promise<HybridSides> {
  const [redis, database] = await Promise.all([startRedisServer(), createTestSchema()]);
  const { schema, url } = database;
  const admin = await openMigrated({ url, schema });
  const proxied = new URL(url);
  const proxy = await TcpProxy.open(Number(proxied.port || 5432));
  proxied.hostname = '127.0.0.1';
  proxied.port = String(proxy.port);
  return {
    definition: hybridStore({
      redis: { url: redis.url, operationTimeout: '250ms' },
      postgres: { url: proxied.href, schema, operationTimeout: '1s' },
      breakerPeriod: '200ms',
      sweepInterval: '100ms',
    }),
    freezeRedis: () => void redis.kill('SIGSTOP'),
    thawRedis: () => void redis.kill('SIGCONT'),
    cutOffPostgres: () => proxy.refuse(),
    reconnectPostgres: () => proxy.accept(),
    close: async () => {
      await Promise.all([redis.stop(), proxy.close(), admin.destroy()]);
      await database.drop();
    },
  };
}
