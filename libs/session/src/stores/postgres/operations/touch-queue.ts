import type { SessionTouch } from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { unavailable } from '../connection/postgres-errors.js';

export interface TouchQueueSettings {
  /** How long a touch waits for others, in ms. */
  readonly flushIntervalMs: number;
  /** The most touches of one statement. */
  readonly maxBatch: number;
  /** The most touches held. The oldest gives way, which only makes the last activity of its session less exact. */
  readonly maxQueued: number;
  /** Writes touches in one statement and returns the ids that it moved. */
  readonly write: (touches: readonly AgedTouch[]) => Promise<readonly string[]>;
  readonly logger: SessionLogger;
}

/** A touch and its age by this process's monotonic clock, because its wall clock may be wrong. */
export interface AgedTouch extends SessionTouch {
  readonly ageMs: number;
  /** The age of the first of several touches that became one. */
  readonly firstAgeMs: number;
}

interface QueuedTouch {
  touch: SessionTouch;
  seenAtMs: number;
  readonly firstSeenAtMs: number;
  readonly waiters: { resolve(moved: boolean): void; reject(error: unknown): void }[];
}

/** Gathers touches and writes them as sorted batches, one batch at a time. */
export class TouchQueue {
  private queued = new Map<string, QueuedTouch>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;
  private isFlushDue = false;

  constructor(private readonly settings: TouchQueueSettings) {}

  /**
   * @param isUrgent - The session would expire before the next flush.
   * @returns Whether a live session was moved, once that is known.
   */
  add(touch: SessionTouch, { isUrgent }: { isUrgent: boolean }): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const earlier = this.queued.get(touch.id);
      const waiters = [...(earlier?.waiters ?? []), { resolve, reject }];
      // Deleted first, so that the queue stays in the order of activity.
      this.queued.delete(touch.id);
      const seenAtMs = performance.now();
      this.queued.set(touch.id, {
        // Due when one of them is due.
        touch: {
          ...touch,
          touchIntervalMs: Math.min(touch.touchIntervalMs, earlier?.touch.touchIntervalMs ?? Infinity),
        },
        seenAtMs,
        firstSeenAtMs: earlier?.firstSeenAtMs ?? seenAtMs,
        waiters,
      });
      if (this.queued.size > this.settings.maxQueued) this.dropOldest();
      this.schedule(isUrgent || this.queued.size >= this.settings.maxBatch);
    });
  }

  /** Writes all queued touches. Resolves when they are written or have failed for good. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    while (this.flushing) await this.flushing;
    this.isFlushDue = false;
    if (this.queued.size === 0) return;
    this.flushing = this.writeAll().finally(() => (this.flushing = undefined));
    await this.flushing;
  }

  private schedule(atOnce: boolean): void {
    if (!atOnce) {
      this.timer ??= setTimeout(() => void this.flush(), this.settings.flushIntervalMs).unref();
    } else if (!this.isFlushDue) {
      this.isFlushDue = true;
      setImmediate(() => void this.flush());
    }
  }

  private async writeAll(): Promise<void> {
    const everything = [...this.queued.values()];
    this.queued = new Map();
    for (let start = 0; start < everything.length; start += this.settings.maxBatch) {
      const batch = everything.slice(start, start + this.settings.maxBatch);
      try {
        await this.writeBatch(batch);
      } catch (error) {
        this.settings.logger.warn(
          `the activity of ${everything.length - start} sessions could not be written: ${String(error)}`,
        );
        for (const { waiters } of everything.slice(start)) for (const waiter of waiters) waiter.reject(error);
        return;
      }
    }
  }

  private async writeBatch(batch: QueuedTouch[]): Promise<void> {
    const moved = new Set(await this.writeOrRetry(batch));
    for (const { touch, waiters } of batch) for (const waiter of waiters) waiter.resolve(moved.has(touch.id));
  }

  private writeOrRetry(batch: QueuedTouch[]): Promise<readonly string[]> {
    const write = () => {
      const nowMs = performance.now();
      const aged = batch.map(({ touch, seenAtMs, firstSeenAtMs }) => ({
        ...touch,
        ageMs: nowMs - seenAtMs,
        firstAgeMs: nowMs - firstSeenAtMs,
      }));
      return this.settings.write(aged.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    };
    return write().catch(write);
  }

  private dropOldest(): void {
    const [oldest] = this.queued.values();
    if (!oldest) return;
    this.queued.delete(oldest.touch.id);
    const error = unavailable(`more than ${this.settings.maxQueued} sessions wait for their activity to be written`);
    for (const waiter of oldest.waiters) waiter.reject(error);
  }
}
