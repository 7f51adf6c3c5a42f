import { Deadline, settleInTime, type DeadlineRules, type LateOutcome } from '../../../core/support/deadline.js';
import { toUnavailable, unavailable } from './redis-errors.js';

/** The most operations past their deadline whose command the client still holds. Beyond it, new operations fail. */
const MAX_ABANDONED = 512;

/** Starts an operation. `deadlineAtMs` is monotonic time. */
export type GatedWork<T> = (deadlineAtMs: number) => Promise<T>;

/**
 * Gives every operation its own deadline, whatever the client's options are. Stops adding commands to a client that
 * never settles them.
 */
export class DeadlineGate implements DeadlineRules {
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
  run<T>(work: GatedWork<T>, onLateResult?: (result: T) => void): Promise<T> {
    if (this.abandoned >= MAX_ABANDONED && !this.mayProbe()) {
      return Promise.reject(unavailable(`${this.abandoned} earlier commands have not been answered`));
    }
    const deadline = new Deadline(this.timeoutMs);
    this.running += 1;
    return settleInTime(deadline, () => work(deadline.atMs), {
      rules: this,
      ...(onLateResult && { onLate: (outcome: LateOutcome<T>) => 'result' in outcome && onLateResult(outcome.result) }),
    });
  }

  /** Runs several operations as one: `idle` waits for all of them. */
  async hold<T>(work: () => Promise<T>): Promise<T> {
    this.running += 1;
    try {
      return await work();
    } finally {
      this.end();
    }
  }

  /** Resolves when every running operation is answered or given up. For one caller at a time. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.onIdle = resolve;
      if (this.running === 0) resolve();
    });
  }

  giveUp(): Error {
    this.abandoned += 1;
    this.end();
    return unavailable(`no answer within ${this.timeoutMs} ms`);
  }

  toError(error: unknown): Error {
    return toUnavailable(error);
  }

  settled(isLate: boolean): void {
    if (isLate) this.abandoned -= 1;
    else this.end();
  }

  private end(): void {
    this.running -= 1;
    if (this.running === 0) this.onIdle?.();
  }

  /** Lets one operation per deadline through, to notice recovery even if the client never settles the old ones. */
  private mayProbe(): boolean {
    const nowMs = performance.now();
    if (nowMs - this.probedAtMs < this.timeoutMs) return false;
    this.probedAtMs = nowMs;
    return true;
  }
}
