import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { SessionStore } from 'nest-sessions/store';
import { redisStore } from 'nest-sessions/redis';
import type { StoreHarness } from 'nest-sessions/testing';
import { getServerUrl, QUIET_CONTEXT } from './store-context.js';

/** Redis stores that open their own clients, below a prefix of their own. */
export async function createRedisHarness(): Promise<StoreHarness> {
  const url = getServerUrl('TEST_REDIS_URL');
  const keyPrefix = `contract-${randomUUID()}`;
  const admin = new Redis(url);
  const instances: SessionStore[] = [];

  const openStore = async () => {
    const opened = await redisStore({ url, keyPrefix, operationTimeout: '5s' }).create(QUIET_CONTEXT);
    instances.push(opened);
    await opened.start();
    return opened;
  };

  const listKeys = async () => {
    const keys = new Set<string>();
    for await (const batch of admin.scanStream({ match: `${keyPrefix}:*`, count: 1000 })) {
      for (const key of batch as string[]) keys.add(key);
    }
    return [...keys];
  };

  const keyHolding = async (field: string) => {
    for (const key of await listKeys()) {
      if ((await admin.hexists(key, field)) === 1) return key;
    }
    throw new Error(`no key holds ${field}`);
  };

  const store = await openStore().catch((error: unknown) => {
    admin.disconnect();
    throw error;
  });

  return {
    store,
    secondInstance: openStore,
    countEntries: async () => {
      // An index of providers' sessions and the floor are no pieces of a session.
      const keys = (await listKeys()).filter((key) => /:\{[0-9a-f]{16}\}$/.test(key));
      const lengths = await Promise.all(keys.map((key) => admin.hlen(key)));
      return lengths.reduce((sum, length) => sum + length, 0);
    },
    corrupt: async (id) => {
      await admin.hset(await keyHolding(id), id, '{"v":"of another time"}');
    },
    close: async () => {
      await Promise.all(instances.map((instance) => instance.stop()));
      const keys = await listKeys();
      if (keys.length > 0) await admin.del(keys);
      await admin.quit();
    },
  };
}
