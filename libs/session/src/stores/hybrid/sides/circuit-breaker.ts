import {
  isUnavailable,
  SessionStoreRefusedError,
  SessionStoreUnavailableError,
} from '../../../core/session/session-errors.js';

export interface CircuitBreakerSettings {
  /** Name of the side, for messages. */
  readonly name: string;
  /** Number of consecutive outages after which calls fail at once. */
  readonly threshold: number;
  /** How long calls fail at once before a single one may try again, in ms. */
  readonly periodMs: number;
  /** Monotonic time in ms. Default `performance.now()`. */
  readonly nowMs?: () => number;
}

/**
 * Spares callers the wait for a backend that does not answer. After some outages in a row calls fail at once, and once
 * per period a single call tries whether the backend is back.
 *
 * Only `SessionStoreUnavailableError` counts as an outage. `SessionStoreRefusedError` does not: the backend answered.
 */
export class CircuitBreaker {
  private failures = 0;
  private openedAtMs = -Infinity;
  private probing = false;
  private readonly nowMs: () => number;

  constructor(private readonly settings: CircuitBreakerSettings) {
    this.nowMs = settings.nowMs ?? (() => performance.now());
  }

  /** Whether calls fail at once at the moment. */
  get isOpen(): boolean {
    return this.failures >= this.settings.threshold && (this.probing || !this.isPeriodOver());
  }

  /** @throws {SessionStoreUnavailableError} Calls fail at once at the moment. */
  assertClosed(): void {
    if (!this.isOpen) return;
    throw new SessionStoreUnavailableError(this.settings.name, 'it did not answer a moment ago. Try again shortly');
  }

  /**
   * Makes the call, unless calls fail at once at the moment, and learns from its outcome.
   *
   * @throws {SessionStoreUnavailableError} Calls fail at once at the moment. Any other error is the call's own.
   */
  async run<T>(call: () => Promise<T>): Promise<T> {
    this.assertClosed();
    const isProbe = this.failures >= this.settings.threshold;
    if (isProbe) this.probing = true;
    try {
      const result = await call();
      this.failures = 0;
      return result;
    } catch (error) {
      if (isOutage(error)) this.recordOutage();
      else this.failures = 0;
      throw error;
    } finally {
      if (isProbe) this.probing = false;
    }
  }

  private recordOutage(): void {
    this.failures += 1;
    if (this.failures >= this.settings.threshold) this.openedAtMs = this.nowMs();
  }

  private isPeriodOver(): boolean {
    return this.nowMs() - this.openedAtMs >= this.settings.periodMs;
  }
}

function isOutage(error: unknown): boolean {
  return isUnavailable(error) && !(error instanceof SessionStoreRefusedError);
}
