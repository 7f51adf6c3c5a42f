import type { EndedSession } from '../session/session-record.js';

/**
 * How a store tells every instance that sessions ended. Best effort: a signal may be lost, come late or come twice, and
 * its sender hears it too. Nothing that has to be right may depend on it; every check of a session asks the store.
 */
export interface SessionSignals {
  /**
   * Tells all instances, this one included. None at all means that so many ended that each instance had better look up
   * those that it cares for: `resumed` is what listeners are told. Resolves when the backend took the signal, which says nothing about who
   * heard it.
   *
   * @throws {SessionStoreUnavailableError} The backend did not take it.
   */
  publish(ended: readonly EndedSession[]): Promise<void>;

  /**
   * Listens from now on, in the background, and connects anew whenever the connection is lost. May be called before the
   * store has started. The connection opened for the first listener stays until the store stops.
   *
   * @returns A function that takes the listener away again.
   */
  subscribe(listener: SessionSignalListener): () => void;
}

export interface SessionSignalListener {
  /** These sessions ended, on any instance. May be told again. */
  ended(sessions: readonly EndedSession[]): void;
  /** Look again: listening began, for the first time or anew, so that signals may have been missed, or too much ended to be told. */
  resumed(): void;
}
