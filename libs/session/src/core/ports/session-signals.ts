import type { EndedSession } from '../session/session-record.js';

/**
 * Notifies every instance of sessions that ended. Best effort: a signal may get lost, arrive late or arrive twice, and its
 * sender receives it too. No decision may depend on it: every check of a session asks the store.
 */
export interface SessionSignals {
  /**
   * Notifies all instances, including this one. An empty list means that too many sessions ended to name: listeners get
   * `resumed` and recheck theirs. Resolves when the backend accepted the signal, which does not mean that any instance
   * received it.
   *
   * @throws {SessionStoreUnavailableError} The backend did not accept it.
   */
  publish(ended: readonly EndedSession[]): Promise<void>;

  /**
   * Adds a listener. The store listens in the background and reconnects after each loss. May be called before the store has
   * started. The connection of the first listener stays open until the store stops.
   *
   * @returns A function that removes the listener.
   */
  subscribe(listener: SessionSignalListener): () => void;
}

export interface SessionSignalListener {
  /** These sessions ended, on any instance. May be called again for the same ones. */
  ended(sessions: readonly EndedSession[]): void;
  /** Recheck your sessions: listening started or resumed, so signals may be missing, or too many sessions ended to name. */
  resumed(): void;
}
