import { isUnavailable, SessionStoreRefusedError } from '../session/session-errors.js';
import type { SessionEvents } from './session-events.js';
import type { SessionStore } from '../ports/session-store.js';

/** Calls that need different sides of a store may fail and succeed in turn during one outage. */
const QUIET_MS = 10_000;

/** Tells once that a store stopped answering, and once that it answers again. */
export class StoreOutages {
  private outage: { readonly store: string; readonly sinceMs: number; lastFailureMs: number } | undefined;

  constructor(
    private readonly events: SessionEvents,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** The same store, whose answers are watched. Its calls take no longer, nor do they settle otherwise. */
  watch(store: SessionStore): SessionStore {
    const watched = new Map<string | symbol, unknown>();
    return new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        if (!watched.has(name)) {
          const call = member as (...args: unknown[]) => unknown;
          watched.set(name, (...args: unknown[]) => this.observe(call.apply(target, args)));
        }
        return watched.get(name);
      },
    });
  }

  private observe(result: unknown): unknown {
    if (result instanceof Promise) void result.then(this.succeeded, this.failed);
    return result;
  }

  private readonly succeeded = (): void => {
    const { outage } = this;
    if (!outage || this.nowMs() - outage.lastFailureMs < QUIET_MS) return;
    this.outage = undefined;
    this.emit(outage.store, { state: 'recovered', lastedMs: Math.round(this.nowMs() - outage.sinceMs) });
  };

  private readonly failed = (error: unknown): void => {
    if (!isUnavailable(error) || error instanceof SessionStoreRefusedError) return;
    const nowMs = this.nowMs();
    if (this.outage) {
      this.outage.lastFailureMs = nowMs;
      return;
    }
    this.outage = { store: error.store, sinceMs: nowMs, lastFailureMs: nowMs };
    this.emit(error.store, { state: 'unavailable', lastedMs: null });
  };

  private emit(store: string, what: { state: 'unavailable' | 'recovered'; lastedMs: number | null }): void {
    this.events.emit('store-unavailable', { at: new Date(), store, ...what, ipAddress: null, userAgent: null });
  }
}
