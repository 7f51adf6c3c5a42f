import { setTimeout as wait } from 'node:timers/promises';
import { SessionError } from '../../../core/session/session-errors.js';
import type { CreateOutcome } from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { OperationOverError, type LateOutcome } from '../connection/operation.js';
import { isBrokenConnection } from '../connection/postgres-errors.js';

const MAX_ATTEMPTS = 5;

export interface UndeliveredSessionsParts {
  /** @returns Whether a live session was ended. */
  readonly end: (id: string) => Promise<boolean>;
  /** Pause before the second attempt; each further one is twice as long. */
  readonly firstPauseMs: number;
  readonly logger: SessionLogger;
}

/**
 * Ends sessions that came into being though their caller was told that they had not: too late, or with the answer lost
 * together with its connection. Their tokens never left this process, so nobody could use them, but they would be on the user's list and count towards the limit.
 */
export class UndeliveredSessions {
  private readonly stopped = new AbortController();

  constructor(private readonly parts: UndeliveredSessionsParts) {}

  /** Takes care of a creation that its caller takes for failed. */
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
        this.parts.logger.warn(`session ${id} was created though its caller was told otherwise, and has been ended`);
        return;
      }
      const { signal } = this.stopped;
      await wait(this.parts.firstPauseMs * 2 ** (attempt - 1), undefined, { ref: false, signal });
    }
  }
}

/**
 * Without its connection nobody knows what became of a statement, and the server may be at it still. One that never had
 * a connection, or was begun too late, was not sent.
 */
function mayHaveApplied(error: unknown): boolean {
  return !(error instanceof SessionError || error instanceof OperationOverError) && isBrokenConnection(error);
}
