import { Redis } from 'ioredis';
import { randomBytes } from 'node:crypto';
import { getServerUrl } from './servers.js';

export interface TestPrefix {
  readonly url: string;
  readonly prefix: string;
  listKeys(): Promise<string[]>;
  /** Lists the keys that never expire. */
  listKeysWithoutExpiry(): Promise<string[]>;
  /** Deletes the keys of the prefix, unless `KEEP_TEST_DATA` is set, and disconnects. */
  drop(): Promise<void>;
}

/** Returns a key prefix for this spec file alone. */
export function createTestPrefix(url = getServerUrl('TEST_REDIS_URL')): TestPrefix {
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  const redis = new Redis(url);

  const listKeys = async () => {
    const keys = new Set<string>();
    for await (const batch of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
      for (const key of batch as string[]) keys.add(key);
    }
    return [...keys];
  };
  const listKeysWithoutExpiry = async () => {
    const keys = await listKeys();
    const expiries = await Promise.all(keys.map((key) => redis.pttl(key)));
    return keys.filter((_key, index) => expiries[index] === -1);
  };
  const drop = async () => {
    const keys = process.env['KEEP_TEST_DATA'] ? [] : await listKeys();
    if (keys.length > 0) await redis.del(keys);
    await redis.quit();
  };
  return { url, prefix, listKeys, listKeysWithoutExpiry, drop };
}
