import type { SessionStore } from '../../core/ports/session-store.js';

/** A store on a backend of its own, made for one group of tests. */
export interface StoreHarness {
  /** The store under test, started. */
  readonly store: SessionStore;

  /**
   * Another started instance on the same backend, as a second process would have it; `close` stops it too. A store that
   * lives in one process returns the same one again.
   */
  secondInstance(): Promise<SessionStore>;

  /**
   * Moves the backend's clock forward, where it is a fake one. Left out when the backend has a real clock: the contract
   * then waits, and asks the store what time it is.
   */
  advanceTime?(ms: number): void;

  /**
   * How many pieces of sessions that were not ended the backend holds: rows without an end, hash fields, map entries.
   * 0 when every session was ended, whatever is kept as history. With it the contract also finds half records.
   */
  countEntries?(): Promise<number>;

  /**
   * Spoils what is stored of one session so that it cannot be decoded, as a deploy or a hand in the backend might.
   * A store that cannot hold such a thing leaves it out and says `without: ['undecodable']`.
   */
  corrupt?(id: string): Promise<void>;

  /** The user id for a name, for stores whose ids are numbers or UUIDs: different for different names. */
  userIdFor?(name: string): string;

  /** Stops every instance and removes what the tests left in the backend. */
  close(): Promise<void>;
}

export interface StoreContractOptions {
  /** What cannot happen in this backend, and is therefore not tested. Default nothing. */
  readonly without?: readonly 'undecodable'[];

  /** The most time that one test or hook may take, in ms. Default 60,000. */
  readonly timeoutMs?: number;
}
