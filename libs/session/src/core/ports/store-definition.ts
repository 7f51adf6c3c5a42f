import type { SessionLogger } from '../support/logger.js';
import type { SessionStore } from './session-store.js';

/** The context in which a store is created. */
export interface SessionStoreContext {
  readonly logger: SessionLogger;
  /** How long ended sessions are kept, in ms. */
  readonly retentionMs: number;
  /** How long audit rows are kept, in ms. */
  readonly auditRetentionMs: number;
}

/**
 * Describes how to create a store. `memoryStore()`, `redisStore()` and `postgresStore()` return one; write one for a store of
 * your own. `inject` lists the providers that Nest passes to `create`, in order.
 */
export interface SessionStoreDefinition {
  readonly name: string;
  readonly inject: readonly SessionDependencyToken[];
  /**
   * Whether ended sessions stay for `retention.sessions` and transitions leave audit rows for `retention.audit`, for
   * `describePolicy()`. Default `false`.
   */
  readonly keepsHistory?: boolean;
  /** Whether `cleanUp` has anything to do, so that a scheduled job has to call it. Default `true`. */
  readonly needsCleanup?: boolean;
  create(context: SessionStoreContext, ...dependencies: unknown[]): SessionStore | Promise<SessionStore>;
}

/** A Nest injection token, written without importing Nest. */
// eslint-disable-next-line typescript/no-unsafe-function-type -- a class or abstract class, as Nest has it
export type SessionDependencyToken = string | symbol | Function;
