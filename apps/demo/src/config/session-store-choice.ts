import { DemoConfigError } from './demo-config.error.js';
import type { Environment } from './environment.js';

export const SESSION_STORE_KINDS = ['memory', 'redis', 'postgres'] as const;

export type SessionStoreKind = (typeof SESSION_STORE_KINDS)[number];

export interface SessionStoreChoice {
  readonly kind: SessionStoreKind;
  /** Why, to end a sentence that begins with the store's name. */
  readonly reason: string;
}

/** `SESSION_STORE` decides; without it Redis when its address is all that was given, else Postgres. */
export function chooseSessionStore(env: Environment): SessionStoreChoice {
  const asked = env['SESSION_STORE'];
  if (asked) {
    const kind = SESSION_STORE_KINDS.find((known) => known === asked);
    if (!kind) {
      throw new DemoConfigError('SESSION_STORE', `must be memory, redis or postgres, but is ${JSON.stringify(asked)}`);
    }
    if (kind === 'redis' && !env['REDIS_URL']) {
      throw new DemoConfigError('REDIS_URL', 'is needed by SESSION_STORE=redis, such as redis://localhost:6379');
    }
    return { kind, reason: 'SESSION_STORE says so' };
  }
  if (env['REDIS_URL'] && !env['DATABASE_URL']) {
    return { kind: 'redis', reason: 'REDIS_URL is set and DATABASE_URL is not' };
  }
  const given = env['REDIS_URL'] ? 'DATABASE_URL is set, too' : 'SESSION_STORE and REDIS_URL are not set';
  return { kind: 'postgres', reason: given };
}
