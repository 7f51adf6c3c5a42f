import { toUnavailable, unavailable } from './redis-errors.js';

/** The most operations past their deadline whose command the client still holds. Beyond it, new operations fail. */
const MAX_ABANDONED = 512;

/** Starts an operation. `deadlineAtMs` is monotonic time. */
export type GatedWork<T> = (deadlineAtMs: number) => Promise<T>;

/**
 * Gives every operation its own deadline, whatever the client's options are. Stops adding commands to a client that
 * never settles them.
 */
export class DeadlineGate {
  private running = 0;
  private abandoned = 0;
  private probedAtMs = -Infinity;
  private onIdle: (() => void) | undefined;

  constructor(readonly timeoutMs: number) {}

  /**
   * @param work - Starts the operation; called at once.
   * @param onLateResult - Called with a result that comes after the operation was rejected.
   * @throws {SessionStoreUnavailableError} No answer in time, or an error as answer.
   */
  async run<T>(work: GatedWork<T>, onLateResult?: (result: T) => void): Promise<T> {
    const startedAtMs = performance.now();
    if (this.abandoned >= MAX_ABANDONED && !this.mayProbe(startedAtMs)) {
      throw unavailable(`${this.abandoned} earlier commands have not been answered`);
    }
    return this.hold(async () => {
      try {
        const deadlineAtMs = startedAtMs + this.timeoutMs;
        return await this.settleInTime(work(deadlineAtMs), { deadlineAtMs, onLateResult });
      } catch (error) {
        throw toUnavailable(error);
      }
    });
  }

  /** Runs several operations as one: `idle` waits for all of them. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.running += 1;
    try {
      return await work();
    } finally {
      this.running -= 1;
      if (this.running === 0) this.onIdle?.();
    }
  }

  /** Resolves when every running operation is answered or given up. For one caller at a time. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.onIdle = resolve;
      if (this.running === 0) resolve();
    });
  }

  private settleInTime<T>(
    operation: Promise<T>,
    { deadlineAtMs, onLateResult }: { deadlineAtMs: number; onLateResult?: (result: T) => void },
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let isLate = false;
      const giveUp = () => {
        // Timers count from the start of their turn of the event loop and so fire early. A script that runs before the
        // deadline applies, so its caller must not give up before.
        const leftMs = deadlineAtMs - performance.now();
        if (leftMs > 0) {
          timer = setTimeout(giveUp, leftMs);
          return;
        }
        isLate = true;
        this.abandoned += 1;
        reject(unavailable(`no answer within ${this.timeoutMs} ms`));
      };
      let timer = setTimeout(giveUp, this.timeoutMs);
      const settle = (outcome: () => void) => {
        clearTimeout(timer);
        if (isLate) this.abandoned -= 1;
        outcome();
      };
      operation.then(
        (result) => settle(() => (isLate ? onLateResult?.(result) : resolve(result))),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  /** Lets one operation per deadline through, to notice recovery even if the client never settles the old ones. */
  private mayProbe(nowMs: number): boolean {
    if (nowMs - this.probedAtMs < this.timeoutMs) return false;
    this.probedAtMs = nowMs;
    return true;
  }
}
