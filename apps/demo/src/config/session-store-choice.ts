import { DemoConfigError } from './demo-config.error.js';
import type { Environment } from './environment.js';

export const SESSION_STORE_KINDS = ['memory', 'redis', 'postgres', 'hybrid'] as const;

export type SessionStoreKind = (typeof SESSION_STORE_KINDS)[number];

export interface SessionStoreChoice {
  readonly kind: SessionStoreKind;
  /** Why, to end a sentence that begins with the store's name. */
  readonly reason: string;
}

/**
 * `SESSION_STORE` decides; without it the hybrid store where both of its sides are at hand, else Redis when its address is
 * all that was given, else Postgres.
 *
 * @param redisServer - Path of a `redis-server` that the demo may start for itself, beside its own Postgres.
 */
export function chooseSessionStore(env: Environment, redisServer: string | undefined): SessionStoreChoice {
  if (env['SESSION_STORE']) return chooseAsked(env, redisServer);
  if (env['REDIS_URL'] && env['DATABASE_URL']) {
    return { kind: 'hybrid', reason: 'DATABASE_URL and REDIS_URL are set' };
  }
  if (env['REDIS_URL']) return { kind: 'redis', reason: 'REDIS_URL is set and DATABASE_URL is not' };
  if (env['DATABASE_URL']) return { kind: 'postgres', reason: 'DATABASE_URL is set and REDIS_URL is not' };
  if (redisServer) return { kind: 'hybrid', reason: 'SESSION_STORE is not set and a redis-server is on the PATH' };
  return { kind: 'postgres', reason: 'SESSION_STORE and REDIS_URL are not set and no redis-server is on the PATH' };
}

function chooseAsked(env: Environment, redisServer: string | undefined): SessionStoreChoice {
  const asked = env['SESSION_STORE'];
  const kind = SESSION_STORE_KINDS.find((known) => known === asked);
  if (!kind) {
    throw new DemoConfigError(
      'SESSION_STORE',
      `must be memory, redis, postgres or hybrid, but is ${JSON.stringify(asked)}`,
    );
  }
  const mayStartRedis = kind === 'hybrid' && !env['DATABASE_URL'];
  if ((kind === 'redis' || kind === 'hybrid') && !env['REDIS_URL'] && !(mayStartRedis && redisServer)) {
    const orElse = mayStartRedis ? ', or a redis-server on the PATH' : '';
    throw new DemoConfigError(
      'REDIS_URL',
      `is needed by SESSION_STORE=${kind}, such as redis://localhost:6379${orElse}`,
    );
  }
  return { kind, reason: 'SESSION_STORE says so' };
}
