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

export interface DeadlineHandlers<T> {
  /** Called when the deadline passes first. Returns the error for the caller. */
  readonly giveUp: () => Error;
  /** Called when the work ends after that. */
  readonly onLate?: (outcome: LateOutcome<T>) => void;
}

/** Settles as the work does, or rejects when the deadline passes first. Never rejects before the deadline. */
export function settleInTime<T>(deadline: Deadline, work: Promise<T>, handlers: DeadlineHandlers<T>): Promise<T> {
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
      reject(handlers.giveUp());
    };
    let timer = setTimeout(check, deadline.timeoutMs);
    const settle = (outcome: LateOutcome<T>) => {
      clearTimeout(timer);
      if (isLate) handlers.onLate?.(outcome);
      else if ('result' in outcome) resolve(outcome.result);
      else reject(outcome.error);
    };
    work.then(
      (result) => settle({ result }),
      (error: unknown) => settle({ error }),
    );
  });
}
