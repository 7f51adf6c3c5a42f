import {
  isUnavailable,
  SessionStoreRefusedError,
  SessionStoreUnavailableError,
} from '../../../core/session/session-errors.js';

export interface CircuitBreakerSettings {
  /** Name of the side for messages. */
  readonly name: string;
  /** Consecutive outages after which calls fail at once. */
  readonly threshold: number;
  /** How long they do, in ms, before one call may try again. */
  readonly periodMs: number;
  /** Monotonic time in ms. */
  readonly nowMs?: () => number;
}

/**
 * Spares callers a backend that does not answer: after some outages in a row calls fail at once, and once per period a
 * single one tries whether it is back. Only `SessionStoreUnavailableError` counts as an outage, and
 * not when the backend answered that it refuses the command.
 */
export class CircuitBreaker {
  private failures = 0;
  private openedAtMs = -Infinity;
  private probing = false;
  private readonly nowMs: () => number;

  constructor(private readonly settings: CircuitBreakerSettings) {
    this.nowMs = settings.nowMs ?? (() => performance.now());
  }

  /** Whether calls fail at once now. */
  get isOpen(): boolean {
    return this.failures >= this.settings.threshold && (this.probing || !this.isPeriodOver());
  }

  /** @throws {SessionStoreUnavailableError} Calls fail at once now. */
  assertClosed(): void {
    if (!this.isOpen) return;
    throw new SessionStoreUnavailableError(this.settings.name, 'it did not answer a moment ago and is left alone');
  }

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
