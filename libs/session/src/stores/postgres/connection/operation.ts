import { Deadline, settleInTime, type DeadlineRules, type LateOutcome } from '../../../core/support/deadline.js';
import { toSessionError, unavailable } from './postgres-errors.js';

/** One call of the store, with its deadline. */
export class Operation extends Deadline implements DeadlineRules {
  private over = false;
  private readonly listeners = new Set<() => void>();

  /** Whether the caller was told that the operation failed. Nothing new may begin then. */
  get isOver(): boolean {
    return this.over;
  }

  /** Adds a listener. Returns a function that removes it. */
  onOver(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** @throws {OperationOverError} The caller was told that the operation failed. */
  assertNotOver(): void {
    if (this.over) throw new OperationOverError();
  }

  giveUp(): Error {
    this.over = true;
    for (const listener of this.listeners) listener();
    this.listeners.clear();
    return unavailable(`no answer within ${this.timeoutMs} ms`);
  }

  toError(error: unknown): Error {
    return toSessionError(error);
  }
}

export interface OperationSettings<T> {
  readonly timeoutMs: number;
  /** Receives the outcome of an operation whose caller was told that it failed. */
  readonly onLate?: (outcome: LateOutcome<T>) => void;
}

/** The caller was told that the operation failed, so nothing more of it begins. */
export class OperationOverError extends Error {
  constructor() {
    super('the operation was given up');
  }
}

/**
 * Gives work its own deadline, whatever the pool's options are.
 *
 * @throws {SessionStoreUnavailableError} No answer in time, or none at all.
 * @throws {SessionArgumentError} Postgres refused a value.
 */
export function runOperation<T>(
  { timeoutMs, onLate }: OperationSettings<T>,
  work: (operation: Operation) => Promise<T>,
): Promise<T> {
  const operation = new Operation(timeoutMs);
  return settleInTime(operation, () => work(operation), { rules: operation, onLate });
}
