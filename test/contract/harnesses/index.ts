import type { StoreHarness } from 'nest-sessions/testing';
import { createMemoryHarness } from './memory.harness.js';
import { createHybridHarness } from './hybrid.harness.js';
import { createPostgresHarness } from './postgres.harness.js';
import { createRedisHarness } from './redis.harness.js';

/** Every store of the library, by its name; Postgres with each type of user id. */
export const STORE_HARNESSES: readonly (readonly [string, () => Promise<StoreHarness>])[] = [
  ['memory', createMemoryHarness],
  ['redis', createRedisHarness],
  ['postgres', createPostgresHarness],
  ['postgres (bigint user ids)', () => createPostgresHarness('bigint')],
  ['postgres (uuid user ids)', () => createPostgresHarness('uuid')],
  ['hybrid', createHybridHarness],
];
