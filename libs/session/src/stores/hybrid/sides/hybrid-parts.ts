import type { CircuitBreaker } from './circuit-breaker.js';
import type { DurableSessions } from '../../../core/ports/durable-sessions.js';
import type { HotSessions } from '../../../core/ports/hot-sessions.js';
import type { SessionLogger } from '../../../core/support/logger.js';

/** What the hybrid store's classes share. */
export interface HybridParts {
  readonly hot: HotSessions;
  readonly durable: DurableSessions;
  readonly hotBreaker: CircuitBreaker;
  readonly durableBreaker: CircuitBreaker;
  /** Top-level keys of the data that the durable side holds too. */
  readonly durableKeys: readonly string[];
  readonly logger: SessionLogger;
}

/** Calls a side through its breaker. */
export function callHot<T>({ hot, hotBreaker }: HybridParts, call: (hot: HotSessions) => Promise<T>): Promise<T> {
  return hotBreaker.run(() => call(hot));
}

export function callDurable<T>(
  { durable, durableBreaker }: HybridParts,
  call: (durable: DurableSessions) => Promise<T>,
): Promise<T> {
  return durableBreaker.run(() => call(durable));
}
