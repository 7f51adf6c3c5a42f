import type { SessionStore } from '../../core/ports/session-store.js';

/** A store on its own backend, for one group of tests. */
export interface StoreHarness {
  /** The store under test, started. */
  readonly store: SessionStore;

  /**
   * Returns another started instance on the same backend, like that of a second process. `close` stops it, too. A store that
   * lives in one process returns the same instance again.
   */
  secondInstance(): Promise<SessionStore>;

  /**
   * Moves a fake clock of the backend forward. Omit it when the backend has a real clock: the contract then waits, and asks
   * the store for the time.
   */
  advanceTime?(ms: number): void;

  /**
   * Counts the pieces of sessions in the backend that have not ended: rows without an end, hash fields, map entries. Returns 0
   * when every session has ended, whatever is kept as history. With it the contract also finds incomplete records.
   */
  countEntries?(): Promise<number>;

  /**
   * Corrupts a stored session so that it cannot be decoded, as a deployment or a manual change might. A store that cannot hold
   * such a value omits it and passes `without: ['undecodable']`.
   */
  corrupt?(id: string): Promise<void>;

  /** Returns the user id for a name, for stores whose user ids are numbers or UUIDs. Different for each name. */
  userIdFor?(name: string): string;

  /** Stops every instance and removes everything that the tests left in the backend. */
  close(): Promise<void>;
}

export interface StoreContractOptions {
  /** Subjects that cannot occur in this backend and are not tested. Default: none. */
  readonly without?: readonly 'undecodable'[];

  /** Time limit of each test and hook, in ms. Default 60,000. */
  readonly timeoutMs?: number;
}
