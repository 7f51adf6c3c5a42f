import type { EndedSession } from '../../../core/session/session-record.js';
import type { SessionSignalListener, SessionSignals } from '../../../core/ports/session-signals.js';

/** Sends signals by both sides, so that they arrive while one side is down. A listener receives most of them twice. */
export class HybridSignals implements SessionSignals {
  private readonly sides: readonly SessionSignals[];

  constructor(...sides: readonly (SessionSignals | undefined)[]) {
    this.sides = sides.filter((side) => side !== undefined);
  }

  /** Resolves when at least one side has taken the signal. */
  async publish(ended: readonly EndedSession[]): Promise<void> {
    const outcomes = await Promise.allSettled(this.sides.map((side) => side.publish(ended)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed && outcomes.every(({ status }) => status === 'rejected')) throw failed.reason;
  }

  subscribe(listener: SessionSignalListener): () => void {
    const stops = this.sides.map((side) => side.subscribe(listener));
    return () => {
      for (const stop of stops) stop();
    };
  }
}
