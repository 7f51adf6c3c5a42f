import { setTimeout as wait } from 'node:timers/promises';
import { SessionError } from '../../../core/session/session-errors.js';
import type { CreateOutcome } from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import type { LateOutcome } from '../../../core/support/deadline.js';
import { OperationOverError } from '../connection/operation.js';
import { isBrokenConnection } from '../connection/postgres-errors.js';

const MAX_ATTEMPTS = 5;

export interface UndeliveredSessionsParts {
  /** @returns Whether a live session was ended. */
  readonly end: (id: string) => Promise<boolean>;
  /** Pause before the second attempt, in ms. Each further pause is twice as long. */
  readonly firstPauseMs: number;
  readonly logger: SessionLogger;
}

/**
 * Ends sessions that were created although their creation was reported as failed: too late, or because the answer was lost
 * with its connection. Their tokens never left this process, so they cannot be used. But they would be on the user's list
 * and count towards the limit.
 */
export class UndeliveredSessions {
  private readonly stopped = new AbortController();

  constructor(private readonly parts: UndeliveredSessionsParts) {}

  /** Ends the session of a creation that was reported as failed, if it exists. */
  settle(id: string, late: LateOutcome<CreateOutcome>): void {
    const isKnown = 'result' in late;
    if (isKnown ? !late.result.created : !mayHaveApplied(late.error)) return;
    this.endUntilGone(id, isKnown).catch(() => undefined);
  }

  stop(): void {
    this.stopped.abort();
  }

  private async endUntilGone(id: string, isKnown: boolean): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const isGone = await this.parts.end(id).catch(() => undefined);
      if (isGone === true || (isKnown && isGone === false)) {
        this.parts.logger.warn(
          `session ${id} was created after its creation was reported as failed, and has been ended`,
        );
        return;
      }
      const { signal } = this.stopped;
      await wait(this.parts.firstPauseMs * 2 ** (attempt - 1), undefined, { ref: false, signal });
    }
  }
}

/**
 * After the loss of a connection, the outcome of its statement is unknown, and the server may still run it. An operation
 * that never got a connection, or began too late, sent nothing.
 */
function mayHaveApplied(error: unknown): boolean {
  return !(error instanceof SessionError || error instanceof OperationOverError) && isBrokenConnection(error);
}
