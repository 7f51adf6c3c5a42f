import { isTouchDue, type SessionPolicy } from '../session/session-policy.js';
import type { SessionStore } from '../ports/session-store.js';
import type { LiveSession } from '../session/session-record.js';
import type { SessionLogger } from '../support/logger.js';

/** A live session, with the new token hash when the stored one was made with an older key. */
export type SeenSession = LiveSession & { readonly rehash?: Uint8Array };

const MAX_REMEMBERED = 50_000;
/** Touches of one process in one second that are not urgent. After a restart, the sessions of all users are due at once. */
const MAX_PER_SECOND = 1_000;
const WARNING_INTERVAL_MS = 60_000;

/**
 * Records activity in the background: at most one store call per session and touch interval in this process, for any number
 * of parallel requests. A failed touch costs freshness only, and the next request tries again.
 */
export class TouchRecorder {
  /** Session id to the monotonic time in ms of the last touch sent, oldest first. */
  private readonly sentAtMs = new Map<string, number>();
  private readonly pending = new Set<Promise<void>>();
  private warnedAtMs = -Infinity;
  private second = { startedAtMs: -Infinity, touches: 0 };

  constructor(
    private readonly store: SessionStore,
    private readonly policy: Pick<SessionPolicy, 'idleTimeoutMs' | 'touchIntervalMs'>,
    private readonly logger: SessionLogger,
  ) {}

  record(seen: SeenSession): void {
    const { record, now } = seen;
    const { idleTimeoutMs, touchIntervalMs } = this.policy;
    if (!isTouchDue(record.lastSeenAt, now, touchIntervalMs)) return;
    if (!this.isUrgent(seen) && !this.hasRoom()) return;
    if (!this.claim(record.id)) return;
    this.track(record.id, this.store.touch({ id: record.id, idleTimeoutMs, touchIntervalMs }));
    if (seen.rehash) this.track(record.id, this.rehash(seen, seen.rehash));
  }

  /** Resolves when every touch under way is written or has failed. Later ones are not waited for. */
  async settle(): Promise<void> {
    if (this.pending.size === 0) return;
    const waiting = [...this.pending];
    await this.store.flush();
    await Promise.all(waiting);
  }

  private rehash({ record }: LiveSession, tokenHash: Uint8Array): Promise<unknown> {
    return this.store.rotate({ id: record.id, expectedTokenHash: record.tokenHash, tokenHash, cause: 'rehash' });
  }

  private track(id: string, write: Promise<unknown>): void {
    const settled = write.then(
      () => undefined,
      (error: unknown) => this.forget(id, error),
    );
    this.pending.add(settled);
    void settled.finally(() => this.pending.delete(settled));
  }

  /** Whether the session has been due for as long as its touch interval, or is near its expiry. */
  private isUrgent({ record, now }: LiveSession): boolean {
    const { idleTimeoutMs, touchIntervalMs } = this.policy;
    return now.getTime() - record.lastSeenAt.getTime() >= Math.min(2 * touchIntervalMs, idleTimeoutMs / 2);
  }

  /** Spreads touches of many sessions over some seconds. A touch that finds no room comes with a later request. */
  private hasRoom(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.second.startedAtMs >= 1_000) this.second = { startedAtMs: nowMs, touches: 0 };
    return this.second.touches < MAX_PER_SECOND;
  }

  private claim(id: string): boolean {
    const nowMs = performance.now();
    const sentAtMs = this.sentAtMs.get(id);
    if (sentAtMs !== undefined && nowMs - sentAtMs < this.policy.touchIntervalMs) return false;
    this.second.touches += 1;
    this.sentAtMs.delete(id);
    this.sentAtMs.set(id, nowMs);
    if (this.sentAtMs.size > MAX_REMEMBERED) {
      const [oldest] = this.sentAtMs.keys();
      if (oldest !== undefined) this.sentAtMs.delete(oldest);
    }
    return true;
  }

  private forget(id: string, error: unknown): void {
    this.sentAtMs.delete(id);
    const nowMs = performance.now();
    if (nowMs - this.warnedAtMs < WARNING_INTERVAL_MS) return;
    this.warnedAtMs = nowMs;
    this.logger.warn(`a touch of session ${id} failed (further ones within a minute are not logged): ${String(error)}`);
  }
}
