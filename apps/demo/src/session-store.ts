import { memoryStore, type SessionStoreDefinition } from 'nest-sessions';
import { hybridStore } from 'nest-sessions/hybrid';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import type { DemoConfig } from './config/demo-config.js';

export interface StorePlaces {
  /** Default the configuration's. */
  readonly redisUrl?: string;
  readonly keyPrefix?: string;
}

/** The store that the configuration chose; the one place that knows all four. */
export function sessionStoreFor(
  { sessionStore, databaseSchema, ...config }: DemoConfig,
  { redisUrl = config.redisUrl ?? '', keyPrefix = 'nest-sessions-demo' }: StorePlaces = {},
): SessionStoreDefinition {
  const redis = { url: redisUrl, keyPrefix };
  const postgres = { schema: databaseSchema, userIdType: 'bigint' } as const;
  const definitions = {
    memory: () => memoryStore(),
    redis: () => redisStore(redis),
    postgres: () => postgresStore(postgres),
    hybrid: () => hybridStore({ redis, postgres }),
  };
  return definitions[sessionStore.kind]();
}
