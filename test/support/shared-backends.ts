import { Redis, type RedisOptions } from 'ioredis';
import { memoryStore, type SessionStoreDefinition } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { hybridStore } from 'nest-sessions/hybrid';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import { openMigrated } from '../e2e/support/e2e-stores.js';
import { createTestSchema } from './postgres.js';
import { createTestPrefix } from './redis.js';
import { TcpProxy } from './tcp-proxy.js';

/** One backend for several instances. The connection for their signals can be cut while everything else works. */
export interface SharedBackend {
  /** Defines the store of one more instance. */
  define(): SessionStoreDefinition;
  /** The proxies in front of the listening connections, and of no others. */
  readonly listening: readonly TcpProxy[];
  close(): Promise<void>;
}

export const SHARED_BACKENDS: Readonly<Record<string, () => Promise<SharedBackend>>> = {
  redis: async () => {
    const side = await openRedisSide();
    return {
      define: () => redisStore(side.define()),
      listening: [side.proxy],
      close: side.close,
    };
  },
  postgres: async () => {
    const side = await openPostgresSide();
    return {
      define: () => postgresStore(side.options),
      listening: [side.proxy],
      close: side.close,
    };
  },
  hybrid: async () => {
    const [redis, postgres] = [await openRedisSide(), await openPostgresSide()];
    return {
      define: () => hybridStore({ redis: redis.define(), postgres: postgres.options }),
      listening: [redis.proxy, postgres.proxy],
      close: async () => {
        await Promise.all([redis.close(), postgres.close()]);
      },
    };
  },
};

/** Shares one store in memory between all instances. It keeps running when an instance closes. */
export function shareMemory(definition = memoryStore()): SharedBackend {
  let shared: Promise<SessionStore> | undefined;
  return {
    define: () => {
      const create: SessionStoreDefinition['create'] = async (context) => {
        shared ??= Promise.resolve(definition.create(context));
        return new Proxy(await shared, {
          get: (store, name) => (name === 'stop' ? () => Promise.resolve() : bound(store, name)),
        });
      };
      return { ...definition, create };
    },
    listening: [],
    close: () => Promise.resolve(),
  };
}

function bound(store: SessionStore, name: string | symbol): unknown {
  const member: unknown = Reflect.get(store, name, store);
  return typeof member === 'function' ? (member.bind(store) as unknown) : member;
}

/** A client whose duplicates, by which the store listens, connect through another port. */
class DetouredRedis extends Redis {
  constructor(
    url: string,
    private readonly port: number,
  ) {
    super(url, { maxRetriesPerRequest: 1 });
  }

  override duplicate(override: Partial<RedisOptions> = {}): Redis {
    return super.duplicate({ ...override, host: '127.0.0.1', port: this.port });
  }
}

async function openRedisSide() {
  const keys = createTestPrefix();
  const proxy = await TcpProxy.open(Number(new URL(keys.url).port || 6379));
  const clients: Redis[] = [];
  return {
    proxy,
    define: () => {
      const client = new DetouredRedis(keys.url, proxy.port);
      client.on('error', () => undefined);
      clients.push(client);
      return { client, keyPrefix: keys.prefix, operationTimeout: '5s' } as const;
    },
    close: async () => {
      for (const client of clients) client.disconnect();
      await proxy.close();
      await keys.drop();
    },
  };
}

async function openPostgresSide() {
  const database = await createTestSchema();
  const { schema, url } = database;
  const admin = await openMigrated({ url, schema });
  const listenUrl = new URL(url);
  const proxy = await TcpProxy.open(Number(listenUrl.port || 5432));
  listenUrl.hostname = '127.0.0.1';
  listenUrl.port = String(proxy.port);
  return {
    proxy,
    options: { url, schema, listenUrl: listenUrl.href, poolSize: 4, operationTimeout: '5s' } as const,
    close: async () => {
      await Promise.all([proxy.close(), admin.destroy()]);
      await database.drop();
    },
  };
}
