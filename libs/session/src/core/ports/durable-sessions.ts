import type { JsonObject } from '../session/session-data.js';
import type { EndedEverything, EndedSession } from '../session/session-record.js';
import type {
  FindOutcome,
  ProviderRevocation,
  SessionStore,
  TotalRevocation,
  UserRevocation,
} from './session-store.js';

/**
 * The durable side of a hybrid store: it decides which sessions are live.
 *
 * It is a complete store that also records every change that hot copies must follow: an end, a new token hash, a deleted
 * row. The record is written in the transaction of the change itself.
 */
export interface DurableSessions extends SessionStore {
  /** @param revocation.minAgeMs - Only sessions that began at least this many ms ago. Default: all. */
  revokeAll(revocation: UserRevocation & { readonly minAgeMs?: number }): Promise<EndedSession[]>;

  /** @param revocation.minAgeMs - As for `revokeAll`. */
  revokeByIdentityProvider(revocation: ProviderRevocation & { readonly minAgeMs?: number }): Promise<EndedSession[]>;

  revokeEverything(revocation: TotalRevocation): Promise<EndedEverything & { readonly epoch: number }>;

  /** Number of `revokeEverything` calls committed so far. A session read after this number reflects all of them. */
  findEpoch(): Promise<number>;

  find(id: string): Promise<DurableFindOutcome>;

  /** Returns what `find` would return for each of these sessions, all at one instant. */
  findMany(ids: readonly string[]): Promise<ReadonlyMap<string, FindOutcome>>;

  /** Lists changes not yet followed, oldest first, including those made by direct SQL and cascades. */
  listHotChanges(limit: number): Promise<readonly HotChange[]>;

  /** Forgets changes that the hot side has followed. */
  forgetHotChanges(changes: readonly HotChange[]): Promise<void>;

  /** Writes the durable keys of a session's data, unless a newer version of them is stored. */
  mergeDurableData(change: DurableDataChange): Promise<void>;
}

export type DurableFindOutcome =
  | (Extract<FindOutcome, { readonly live: true }> & {
      /** Version given to the last `mergeDurableData`. 0 if there was none. */
      readonly dataVersion: number;
    })
  | Extract<FindOutcome, { readonly live: false }>;

export interface HotChange {
  /** Opaque; grows with time. */
  readonly key: string;
  readonly id: string;
  /** `ended`: the session is no longer live, or its row is gone. `changed`: live, but its copy must be confirmed again. */
  readonly kind: 'ended' | 'changed';
}

export interface DurableDataChange {
  readonly id: string;
  readonly version: number;
  readonly data: JsonObject;
}
