import type { JsonObject } from '../session/session-data.js';
import type { SessionSignals } from './session-signals.js';
import type {
  ProviderRevocation,
  SessionDataChange,
  SessionRevocation,
  SessionTouch,
  UpdateOutcome,
  UserRevocation,
} from './session-store.js';
import type { LiveSession } from '../session/session-record.js';

/**
 * The fast side of a hybrid store: copies of sessions that the durable side confirmed, and the only copy of `data`.
 *
 * A copy is believed only on the server process (generation) that it was confirmed on. Whoever confirms one takes a
 * lease first; every drop and every `unconfirm` takes the lease away, so that a confirmation which overlaps one does
 * nothing. Losing any of it at any moment costs a read of the durable side, and that session's data.
 *
 * Every method rejects with `SessionStoreUnavailableError` when the server does not answer in time.
 */
export interface HotSessions {
  readonly name: string;
  readonly signals?: SessionSignals;
  start(): Promise<void>;

  /** One round trip, no write. */
  read(id: string): Promise<HotRead>;

  /** Announces that the caller is about to ask the durable side for this session. Takes the lease from whoever had it. */
  lease(id: string): Promise<HotLease>;

  /**
   * Confirms the session if the lease is still the caller's, on the server process that gave it. A copy that is there
   * keeps its data, but for durable keys that it is behind in, and its later activity; otherwise the data given here
   * becomes the copy's.
   *
   * @returns The copy as it is now believed; `undefined` when the lease was lost, and then nothing was written.
   */
  promote(promotion: HotPromotion): Promise<LiveSession | undefined>;

  /** Stops belief in the copies until they are promoted anew; their data stays. */
  unconfirm(ids: readonly string[]): Promise<void>;

  /** The same for every copy of a user, with every lease beside them. */
  unconfirmUser(userId: string): Promise<void>;

  /**
   * Ends belief in all copies that were confirmed in an earlier epoch of the durable side, by one step. Once resolved, no
   * `read` that starts later believes one, on any instance. Takes longer than a second, but the first time only.
   */
  advanceEpoch(epoch: number): Promise<void>;

  /** The same for copies read by this instance, at once, and for others soon: when the news of an epoch may have been lost. */
  followEpoch(epoch: number): Promise<void>;

  /** Removes the copies with their data. */
  drop(ids: readonly string[]): Promise<void>;

  /**
   * Compare-and-set on an existing copy only, and on one that was confirmed on this server process: what a fail-over
   * brought back may be older than what was acknowledged. `absent` says nothing about the session.
   */
  update(change: SessionDataChange): Promise<UpdateOutcome>;

  /** Moves the activity of an existing copy only. */
  touch(touch: SessionTouch): Promise<boolean>;

  /**
   * Goes through all copies, believed or not, about `limit` at a time; looks at everything there is, so never for a
   * request. What is there from the first page to the last is told at least once, and perhaps more often.
   *
   * @param page.cursor - As the page before returned it; without it, from the start.
   */
  scanCopies(page: { readonly cursor?: string; readonly limit: number }): Promise<HotCopyPage>;

  /** The copies beside each other under this user's reference, which another user may share. */
  listCopiesOfUser(userId: string): Promise<readonly HotCopy[]>;

  /**
   * Keeps a revocation that the durable side could not take, and removes the copies that it names or that are this user's.
   * Which copies rest on a provider's session is not known here: of such a revocation belief in all copies of the user
   * stops when it names one, and otherwise they stay until the durable side has taken it.
   */
  keepRevocation(revocation: AnyRevocation): Promise<void>;
  listKeptRevocations(limit: number): Promise<readonly KeptRevocation[]>;
  forgetRevocations(keys: readonly string[]): Promise<void>;

  stop(): Promise<void>;
}

export type AnyRevocation = SessionRevocation | UserRevocation | ProviderRevocation;

export type HotRead =
  | (LiveSession & { readonly state: 'believed' })
  /** Believed, and past its absolute expiry by the server's clock. */
  | { readonly state: 'expired' }
  /** Nothing, a copy that was confirmed on another state of the server, or one idle for so long that it may be outdated. */
  | { readonly state: 'unconfirmed' };

export interface HotLease {
  readonly id: string;
  readonly owner: string;
  readonly generation: string;
  /** The server's time when the lease was given. */
  readonly now: Date;
}

export interface HotPromotion {
  readonly lease: HotLease;
  /** As the durable side answered after the lease was given, by its own clock. */
  readonly live: LiveSession;
  readonly data: JsonObject;
  /** Without it a copy that is there keeps all its data. */
  readonly durableData?: DurableDataState;
  /** The session began after the lease was given, so no copy can have been before: versions count on from its own. */
  readonly isNew?: boolean;
}

/** Which of the data the durable side holds too. */
export interface DurableDataState {
  /** Top-level keys. Of a copy that is behind they are replaced by those in the promotion's data, or removed with them. */
  readonly keys: readonly string[];
  /** Of the copy whose keys they are; a copy with a lower version is behind. 0: the durable side was told of none. */
  readonly version: number;
}

/** Whose a copy is. */
export interface HotCopy {
  readonly id: string;
  readonly userId: string | null;
  /** Empty when the copy cannot be read. */
  readonly tokenHash: Uint8Array;
  /** Whether `read` would answer with it now, its expiry aside. */
  readonly isBelieved: boolean;
}

export interface HotCopyPage {
  readonly copies: readonly HotCopy[];
  /** Opaque; `undefined` when this was the last page. A page may be empty and not the last. */
  readonly cursor?: string;
}

/** A revocation that waits for the durable side. */
export interface KeptRevocation {
  readonly key: string;
  readonly revocation: AnyRevocation;
  /** How long ago it was asked for, in ms, never more than it was: sessions that began since are not meant. */
  readonly ageMs: number;
}
