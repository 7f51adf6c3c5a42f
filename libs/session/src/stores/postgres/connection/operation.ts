import { toSessionError, unavailable } from './postgres-errors.js';

/** One call of the store, which has only so much time. */
export class Operation {
  private over = false;
  private readonly listeners = new Set<() => void>();

  private readonly deadlineAtMs: number;

  constructor(readonly timeoutMs: number) {
    this.deadlineAtMs = performance.now() + timeoutMs;
  }

  /** Until the caller is told that it failed; not above 0 once that is due. */
  get remainingMs(): number {
    return this.deadlineAtMs - performance.now();
  }

  /** Whether the caller was already told that it failed: nothing new may begin. */
  get isOver(): boolean {
    return this.over;
  }

  /** @returns A function that takes the listener away again. */
  onOver(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** @throws {OperationOverError} */
  assertNotOver(): void {
    if (this.over) throw new OperationOverError();
  }

  end(): void {
    this.over = true;
    for (const listener of this.listeners) listener();
    this.listeners.clear();
  }
}

export interface OperationSettings<T> {
  readonly timeoutMs: number;
  /** Told what came of an operation after its caller was told that it failed. */
  readonly onLate?: (outcome: LateOutcome<T>) => void;
}

export type LateOutcome<T> = { readonly result: T } | { readonly error: unknown };

/** The caller was told that the operation failed, so nothing more of it is begun. */
export class OperationOverError extends Error {
  constructor() {
    super('the operation was given up');
  }
}

/**
 * Gives work a deadline of its own, whatever the pool's options are.
 *
 * @throws {SessionStoreUnavailableError} No answer in time, or none at all.
 * @throws {SessionArgumentError} Postgres refused a value.
 */
export function runOperation<T>(
  { timeoutMs, onLate }: OperationSettings<T>,
  work: (operation: Operation) => Promise<T>,
): Promise<T> {
  const operation = new Operation(timeoutMs);
  return new Promise<T>((resolve, reject) => {
    const giveUp = () => {
      // Timers count from the start of their turn of the event loop and so fire early. What applies before the deadline
      // counts, so nobody may give up before it.
      if (operation.remainingMs > 0) {
        timer = setTimeout(giveUp, operation.remainingMs);
        return;
      }
      operation.end();
      reject(unavailable(`no answer within ${timeoutMs} ms`));
    };
    let timer = setTimeout(giveUp, timeoutMs);
    const settle = (outcome: LateOutcome<T>) => {
      clearTimeout(timer);
      if (operation.isOver) onLate?.(outcome);
      else if ('result' in outcome) resolve(outcome.result);
      else reject(toSessionError(outcome.error));
    };
    work(operation).then(
      (result) => settle({ result }),
      (error: unknown) => settle({ error }),
    );
  });
}
