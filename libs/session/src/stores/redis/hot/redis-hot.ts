import type { HotSessions } from '../../../core/ports/hot-sessions.js';
import type { SessionDependencyToken, SessionStoreContext } from '../../../core/ports/store-definition.js';
import { resolveRedisOptions, type RedisStoreOptions } from '../store/redis-store.js';
import { RedisHotSessions } from './redis-hot-sessions.js';

/** Defines a hot side. `inject` names the providers that Nest must pass to `create`, in order. */
export interface RedisHotSessionsDefinition {
  readonly name: string;
  readonly inject: readonly SessionDependencyToken[];
  create(context: Pick<SessionStoreContext, 'logger'>, ...dependencies: unknown[]): HotSessions;
}

/**
 * Defines the hot side of a hybrid store, in Redis 6.2 or newer or Valkey.
 *
 * @throws {SessionConfigurationError} An option is invalid.
 */
export function redisHotSessions(options: RedisStoreOptions): RedisHotSessionsDefinition {
  const { inject, settingsFor } = resolveRedisOptions(options);
  return {
    name: 'redis',
    inject,
    create: ({ logger }, injected) => new RedisHotSessions(settingsFor(logger, injected)),
  };
}
