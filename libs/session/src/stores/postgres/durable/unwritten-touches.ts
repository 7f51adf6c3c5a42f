import { isUnavailable } from '../../../core/session/session-errors.js';
import type { SessionTouch } from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import type { AgedTouch } from '../operations/touch-queue.js';

export interface UnwrittenTouchesSettings {
  /** Pause between two attempts. */
  readonly retryIntervalMs: number;
  /** Touches in one statement at most. */
  readonly maxBatch: number;
  /** Sessions remembered at most. */
  readonly maxKept: number;
  readonly write: (touches: readonly AgedTouch[]) => Promise<unknown>;
  readonly logger: SessionLogger;
}

interface Unwritten {
  readonly touch: SessionTouch;
  /** By the process's monotonic clock, as is everything here. */
  readonly seenAtMs: number;
  readonly firstSeenAtMs: number;
}

/**
 * Keeps touches that could not be written and tries them again. Otherwise, after an outage longer than the idle timeout,
 * sessions that were in use all the time would look idle.
 */
export class UnwrittenTouches {
  private readonly kept = new Map<string, Unwritten>();
  /** Forgotten activity, for lack of room: when it began, and until when it may keep a session alive. */
  private lost = { sinceMs: Infinity, untilMs: -Infinity };
  private timer: NodeJS.Timeout | undefined;
  private writing: Promise<void> | undefined;
  private isStopped = false;

  constructor(private readonly settings: UnwrittenTouchesSettings) {}

  get size(): number {
    return this.kept.size;
  }

  keep(touch: SessionTouch, seenAtMs: number): void {
    if (this.isStopped) return;
    const earlier = this.kept.get(touch.id);
    this.kept.delete(touch.id);
    const latest = earlier && earlier.seenAtMs > seenAtMs ? earlier : { touch, seenAtMs };
    const firstSeenAtMs = Math.min(seenAtMs, earlier?.firstSeenAtMs ?? Infinity);
    this.kept.set(touch.id, { ...latest, firstSeenAtMs });
    if (this.kept.size > this.settings.maxKept) this.loseOldest();
    this.schedule();
  }

  /** Returns when the first touch of this session came that may not be written yet. At most `seenAtMs`. */
  firstSeenAtMs(id: string, seenAtMs: number): number {
    const lostSinceMs = performance.now() < this.lost.untilMs ? this.lost.sinceMs : Infinity;
    return Math.min(seenAtMs, lostSinceMs, this.kept.get(id)?.firstSeenAtMs ?? Infinity);
  }

  /** Forgets touches up to this time: a touch of then was written. */
  forget(id: string, seenAtMs: number): void {
    const kept = this.kept.get(id);
    if (kept && kept.seenAtMs <= seenAtMs) this.kept.delete(id);
  }

  /** Tries once more and gives up. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.writing;
    await this.writeAll();
  }

  private schedule(): void {
    if (this.timer || this.writing || this.isStopped) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.writing = this.writeAll().finally(() => {
        this.writing = undefined;
        if (this.kept.size > 0) this.schedule();
      });
    }, this.settings.retryIntervalMs).unref();
  }

  private async writeAll(): Promise<void> {
    const { logger, maxBatch } = this.settings;
    let written = 0;
    while (this.kept.size > 0) {
      const batch = [...this.kept.values()].slice(0, maxBatch);
      try {
        await this.settings.write(batch.map(toAged));
        written += batch.length;
      } catch (error) {
        // An outage was reported when it began. Any other error would come again.
        if (isUnavailable(error)) break;
        logger.error(`the activity of ${batch.length} sessions cannot be written: ${String(error)}`);
      }
      for (const { touch, seenAtMs } of batch) this.forget(touch.id, seenAtMs);
    }
    if (written > 0)
      logger.log(`the activity of ${written} sessions, which could not be written before, has been written`);
  }

  private loseOldest(): void {
    const [oldest] = this.kept.values();
    if (!oldest) return;
    this.kept.delete(oldest.touch.id);
    const untilMs = oldest.seenAtMs + oldest.touch.idleTimeoutMs;
    const sinceMs = performance.now() < this.lost.untilMs ? this.lost.sinceMs : Infinity;
    this.lost = {
      sinceMs: Math.min(sinceMs, oldest.firstSeenAtMs),
      untilMs: Math.max(this.lost.untilMs, untilMs),
    };
  }
}

function toAged({ touch, seenAtMs, firstSeenAtMs }: Unwritten): AgedTouch {
  const nowMs = performance.now();
  return { ...touch, ageMs: nowMs - seenAtMs, firstAgeMs: nowMs - firstSeenAtMs };
}
