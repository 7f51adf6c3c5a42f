import type { EndedSession } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { createSessionId } from '#src/core/session/session-id.js';

let millisecond = 1_750_000_000_000;

/** The end of a session that never existed. */
export const anEnd = (userId: string | null = 'ada'): EndedSession => ({
  // A ms each: within one, ids of one user may collide.
  id: createSessionId(userId, millisecond++),
  userId,
  endedAt: new Date(1_750_000_000_000),
  endReason: 'admin',
  endedBy: 'an operator, "quoted"',
});

/** Records the signals that one instance receives. */
export class Ear {
  readonly heard = new Map<string, EndedSession>();
  resumptions = 0;
  readonly unsubscribe: () => void;
  private wakers: (() => void)[] = [];

  constructor({ signals }: SessionStore) {
    if (!signals) throw new Error('this store has no signals');
    this.unsubscribe = signals.subscribe({
      ended: (sessions) => {
        for (const one of sessions) this.heard.set(one.id, one);
        this.wake();
      },
      resumed: () => {
        this.resumptions += 1;
        this.wake();
      },
    });
  }

  /** Resolves when the condition is true. The time limit of the test is the deadline. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.wakers.push(resolve));
  }

  private wake(): void {
    for (const wake of this.wakers.splice(0)) wake();
  }
}
