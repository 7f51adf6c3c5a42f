import { memoryStore, type SessionStoreDefinition } from 'nest-sessions';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import type { DemoConfig } from './config/demo-config.js';

/** The store that the configuration chose; the one place that knows all three. */
export function sessionStoreFor({ sessionStore, redisUrl, databaseSchema }: DemoConfig): SessionStoreDefinition {
  const { kind } = sessionStore;
  if (kind === 'memory') return memoryStore();
  if (kind === 'redis') return redisStore({ url: redisUrl ?? '', keyPrefix: 'nest-sessions-demo' });
  return postgresStore({ schema: databaseSchema, userIdType: 'bigint' });
}
