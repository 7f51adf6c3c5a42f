import type { SessionStoreDefinition } from '../../../core/ports/store-definition.js';
import { assertStoreOptions } from '../../../core/ports/store-options.js';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import { MemorySessionStore } from './memory-session.store.js';

export interface MemoryStoreOptions {
  /** Maximum number of sessions held; `create` rejects one more with `SessionStoreFullError`. Default 100,000. */
  readonly maxSessions?: number;
  /** The store's clock, for tests. Default: the system clock. */
  readonly now?: () => Date;
}

const OPTION_NAMES: readonly (keyof MemoryStoreOptions)[] = ['maxSessions', 'now'];

/**
 * Keeps sessions in this process, for tests and first steps. They survive no restart, and no other instance sees them.
 *
 * @example
 * ```ts
 * SessionModule.forRoot({
 *   store: memoryStore(),
 *   idleTimeout: '30m',
 *   absoluteTimeout: '12h',
 * });
 *
 * // In a test: a clock that the test moves.
 * let now = new Date();
 * const store = memoryStore({ now: () => now });
 * ```
 *
 * @throws {SessionConfigurationError} An option is unknown or invalid.
 */
export function memoryStore(options: MemoryStoreOptions = {}): SessionStoreDefinition {
  assertStoreOptions(options, 'memoryStore', OPTION_NAMES);
  const { maxSessions = 100_000, now = () => new Date() } = options;
  if (!Number.isSafeInteger(maxSessions) || maxSessions < 1) {
    throw new SessionConfigurationError('memoryStore.maxSessions', `must be a positive integer, but is ${maxSessions}`);
  }
  return { name: 'memory', inject: [], create: () => new MemorySessionStore({ maxSessions, now }) };
}
