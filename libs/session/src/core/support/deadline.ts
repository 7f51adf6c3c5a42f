/** The moment until which an operation may be answered, by the monotonic clock of this process. */
export class Deadline {
  readonly atMs: number;

  constructor(readonly timeoutMs: number) {
    this.atMs = performance.now() + timeoutMs;
  }

  /** Time left, in ms. Zero or less once the deadline has passed. */
  get remainingMs(): number {
    return this.atMs - performance.now();
  }
}

/** How work ended whose caller was told that it failed. */
export type LateOutcome<T> = { readonly result: T } | { readonly error: unknown };

/** What becomes of work that has a deadline. One object may serve many calls. */
export interface DeadlineRules {
  /** Called when the deadline passes first. Returns the error for the caller. */
  giveUp(): Error;
  /** Converts an error of the work for the caller. */
  toError(error: unknown): Error;
  /** Called when the work ends, before the caller is told. */
  settled?(isLate: boolean): void;
}

/**
 * Starts work and settles as it does, or rejects when the deadline passes first. Never rejects before the deadline.
 *
 * @param onLate - Receives the outcome of work that ends after its deadline.
 */
export function settleInTime<T>(
  deadline: Deadline,
  start: () => Promise<T>,
  { rules, onLate }: { readonly rules: DeadlineRules; readonly onLate?: (outcome: LateOutcome<T>) => void },
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let isLate = false;
    const check = () => {
      // Timers count from the start of their turn of the event loop and so fire early. What runs before the deadline
      // applies, so the caller must not be told before it that the work failed.
      if (deadline.remainingMs > 0) {
        timer = setTimeout(check, deadline.remainingMs);
        return;
      }
      isLate = true;
      reject(rules.giveUp());
    };
    let timer = setTimeout(check, deadline.timeoutMs);
    const settle = (outcome: LateOutcome<T>) => {
      clearTimeout(timer);
      rules.settled?.(isLate);
      if (isLate) onLate?.(outcome);
      else if ('result' in outcome) resolve(outcome.result);
      else reject(rules.toError(outcome.error));
    };
    const fail = (error: unknown) => settle({ error });
    try {
      start().then((result) => settle({ result }), fail);
    } catch (error) {
      fail(error);
    }
  });
}
