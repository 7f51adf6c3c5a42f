import type { StoreHarness } from 'nest-sessions/testing';
import { createMemoryHarness } from './memory.harness.js';

import { createPostgresHarness } from './postgres.harness.js';
import { createRedisHarness } from './redis.harness.js';

/** Every store of the library, by its name. */
export const STORE_HARNESSES: readonly (readonly [string, () => Promise<StoreHarness>])[] = [
  ['memory', createMemoryHarness],
  ['redis', createRedisHarness],
  ['postgres', createPostgresHarness],
];
