import { isUnavailable, SessionStoreRefusedError } from '../session/session-errors.js';
import type { StoreAvailability } from './security-events.js';

/** During one outage, calls that need different sides of a store may fail and succeed in turn. */
const QUIET_MS = 10_000;

/** Reports once that a store stopped answering, and once that it answers again. */
export class StoreOutages {
  private readonly listeners: ((event: StoreAvailability) => void)[] = [];
  private outage: { readonly store: string; readonly sinceMs: number; lastFailureMs: number } | undefined;

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  listen(listener: (event: StoreAvailability) => void): void {
    this.listeners.push(listener);
  }

  readonly succeeded = (): void => {
    const { outage } = this;
    if (!outage || this.nowMs() - outage.lastFailureMs < QUIET_MS) return;
    this.outage = undefined;
    this.report(outage.store, { state: 'recovered', lastedMs: Math.round(this.nowMs() - outage.sinceMs) });
  };

  readonly failed = (error: unknown): void => {
    if (!isUnavailable(error) || error instanceof SessionStoreRefusedError) return;
    const nowMs = this.nowMs();
    if (this.outage) {
      this.outage.lastFailureMs = nowMs;
      return;
    }
    this.outage = { store: error.store, sinceMs: nowMs, lastFailureMs: nowMs };
    this.report(error.store, { state: 'unavailable', lastedMs: null });
  };

  private report(store: string, change: Pick<StoreAvailability, 'state' | 'lastedMs'>): void {
    for (const listener of this.listeners) {
      listener({ at: new Date(), store, ...change, ipAddress: null, userAgent: null });
    }
  }
}
