import type { SessionSignalListener, SessionSignals } from '../../../core/ports/session-signals.js';
import type { EndedSession } from '../../../core/session/session-record.js';

/** Signals to all applications in this process that share the store. */
export class MemorySignals implements SessionSignals {
  private readonly listeners = new Set<SessionSignalListener>();

  async publish(ended: readonly EndedSession[]): Promise<void> {
    for (const listener of this.listeners) {
      if (ended.length > 0) listener.ended(ended);
      else listener.resumed();
    }
  }

  subscribe(listener: SessionSignalListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}
