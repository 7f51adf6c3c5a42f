import { SessionConfigurationError } from '../../../core/session/session-errors.js';
import type { SessionStoreDefinition } from '../../../core/ports/session-store.js';
import { assertStoreOptions } from '../../../core/ports/store-options.js';
import { MemorySessionStore } from './memory-session.store.js';

export interface MemoryStoreOptions {
  /** The most sessions held; one more is refused with `SessionStoreFullError`. Default 100,000. */
  readonly maxSessions?: number;
  /** The store's clock, for tests. Default the system's. */
  readonly now?: () => Date;
}

const OPTION_NAMES: readonly (keyof MemoryStoreOptions)[] = ['maxSessions', 'now'];

/**
 * Sessions in this process only: for tests and first steps, not for two instances or a restart.
 *
 * @throws {SessionConfigurationError} An option is wrong.
 */
export function memoryStore(options: MemoryStoreOptions = {}): SessionStoreDefinition {
  assertStoreOptions(options, 'memoryStore', OPTION_NAMES);
  const { maxSessions = 100_000, now = () => new Date() } = options;
  if (!Number.isSafeInteger(maxSessions) || maxSessions < 1) {
    throw new SessionConfigurationError('memoryStore.maxSessions', `must be a positive integer, but is ${maxSessions}`);
  }
  return { name: 'memory', inject: [], create: () => new MemorySessionStore({ maxSessions, now }) };
}
