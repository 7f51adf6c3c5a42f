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
 * The durable side of a hybrid store: the truth about who is signed in. A complete store that also records, in the
 * transaction that makes it, every change that hot copies have to follow: an end, a new token hash, a deleted row.
 */
export interface DurableSessions extends SessionStore {
  /** @param revocation.minAgeMs - Only sessions that began at least so many ms ago. Default all. */
  revokeAll(revocation: UserRevocation & { readonly minAgeMs?: number }): Promise<EndedSession[]>;

  /** @param revocation.minAgeMs - As for `revokeAll`. */
  revokeByIdentityProvider(revocation: ProviderRevocation & { readonly minAgeMs?: number }): Promise<EndedSession[]>;

  revokeEverything(revocation: TotalRevocation): Promise<EndedEverything & { readonly epoch: number }>;

  /** How often everything was ended; whoever reads an epoch and then asks about a session is told of all those ends. */
  findEpoch(): Promise<number>;

  find(id: string): Promise<DurableFindOutcome>;

  /** What `find` would say of each of these sessions, all at one instant. */
  findMany(ids: readonly string[]): Promise<ReadonlyMap<string, FindOutcome>>;

  /** Changes not yet followed, oldest first, whoever made them, direct SQL and cascades included. */
  listHotChanges(limit: number): Promise<readonly HotChange[]>;

  /** Forgets changes that the hot side has followed. */
  forgetHotChanges(changes: readonly HotChange[]): Promise<void>;

  /** Writes the durable part of a session's data unless a newer version of it is there. */
  mergeDurableData(change: DurableDataChange): Promise<void>;
}

export type DurableFindOutcome =
  | (Extract<FindOutcome, { readonly live: true }> & {
      /** Of the hot copy that `mergeDurableData` told of last; 0 when it never did. */
      readonly dataVersion: number;
    })
  | Extract<FindOutcome, { readonly live: false }>;

export interface HotChange {
  /** Opaque; grows with time. */
  readonly key: string;
  readonly id: string;
  /** `ended`: no longer live or no longer there. `changed`: live, but its copy has to be confirmed anew. */
  readonly kind: 'ended' | 'changed';
}

export interface DurableDataChange {
  readonly id: string;
  readonly version: number;
  readonly data: JsonObject;
}
