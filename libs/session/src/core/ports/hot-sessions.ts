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
 * The fast side of a hybrid store: copies of sessions that the durable side has confirmed, and the only copy of `data`.
 *
 * A copy is believed only on the server process (generation) that it was confirmed on. A caller takes a lease before it
 * confirms a copy. Every `drop` and every `unconfirm` takes that lease away, so a confirmation that overlaps one writes
 * nothing. Any loss at any moment costs a read of the durable side, and that session's data.
 *
 * Every method rejects with `SessionStoreUnavailableError` when the server does not answer in time.
 */
export interface HotSessions {
  readonly name: string;
  readonly signals?: SessionSignals;
  start(): Promise<void>;

  /** Reads one copy: one round trip, no write. */
  read(id: string): Promise<HotRead>;

  /** Announces that the caller is about to read this session from the durable side. Takes the lease from its holder. */
  lease(id: string): Promise<HotLease>;

  /**
   * Confirms the session if the caller still holds the lease, on the server process that gave it. An existing copy keeps
   * its later activity and its data, except durable keys in which it is behind. Without a copy, the data given here
   * becomes the copy's.
   *
   * @returns The copy as it is now believed. `undefined` when the lease was lost; nothing was written then.
   */
  promote(promotion: HotPromotion): Promise<LiveSession | undefined>;

  /** Stops belief in the copies until they are promoted again. Their data stays. */
  unconfirm(ids: readonly string[]): Promise<void>;

  /** Stops belief in every copy of a user, and takes away every lease on one. */
  unconfirmUser(userId: string): Promise<void>;

  /**
   * Stops belief in all copies that were confirmed in an earlier epoch of the durable side, in constant time. Once
   * resolved, no `read` that starts later believes one, on any instance. Takes longer than a second, the first time only.
   */
  advanceEpoch(epoch: number): Promise<void>;

  /**
   * Stops belief in the same copies at once for reads of this instance, and soon for those of other instances. For when
   * the news of an epoch may have been lost.
   */
  followEpoch(epoch: number): Promise<void>;

  /** Removes the copies, their data and the leases on them. */
  drop(ids: readonly string[]): Promise<void>;

  /**
   * Replaces the data of an existing copy by compare-and-set. The copy must have been confirmed on this server process: a
   * fail-over may have brought back an older state than the one acknowledged. `absent` says nothing about the session.
   */
  update(change: SessionDataChange): Promise<UpdateOutcome>;

  /** Moves the activity of an existing copy. Without a copy it resolves to `false`. */
  touch(touch: SessionTouch): Promise<boolean>;

  /**
   * Lists all copies, believed or not, about `limit` at a time. It examines every key, so no request may wait for it. A
   * copy that exists from the first page to the last is listed at least once, and perhaps more often.
   *
   * @param page.cursor - The cursor of the page before. Without it, the listing starts from the beginning.
   */
  scanCopies(page: { readonly cursor?: string; readonly limit: number }): Promise<HotCopyPage>;

  /** Lists the copies under this user's reference, which another user may share. */
  listCopiesOfUser(userId: string): Promise<readonly HotCopy[]>;

  /**
   * Keeps a revocation that the durable side could not take, and removes the copies of the session or user it names.
   *
   * This side cannot tell which copies belong to an identity provider's session. If such a revocation names a user,
   * belief in all copies of the user stops. Otherwise the copies stay until the durable side has taken the revocation.
   */
  keepRevocation(revocation: AnyRevocation): Promise<void>;

  /** Lists kept revocations, at most `limit`. */
  listKeptRevocations(limit: number): Promise<readonly KeptRevocation[]>;

  /** Forgets kept revocations that the durable side has taken. */
  forgetRevocations(keys: readonly string[]): Promise<void>;

  stop(): Promise<void>;
}

export type AnyRevocation = SessionRevocation | UserRevocation | ProviderRevocation;

export type HotRead =
  | (LiveSession & { readonly state: 'believed' })
  /** A believed copy, past its absolute expiry by the server's clock. */
  | { readonly state: 'expired' }
  /** No copy, one confirmed on another state of the server, or one that was idle for so long that it may be outdated. */
  | { readonly state: 'unconfirmed' };

export interface HotLease {
  readonly id: string;
  readonly owner: string;
  readonly generation: string;
  /** The server's time when it gave the lease. */
  readonly now: Date;
}

export interface HotPromotion {
  readonly lease: HotLease;
  /** The durable side's answer after the lease was given, by its own clock. */
  readonly live: LiveSession;
  readonly data: JsonObject;
  /** Without it, an existing copy keeps all its data. */
  readonly durableData?: DurableDataState;
  /** The session began after the lease was given, so no earlier copy exists: versions continue from the session's own. */
  readonly isNew?: boolean;
}

/** Which part of the data the durable side holds as well. */
export interface DurableDataState {
  /** Top-level keys. In a copy that is behind, the promotion's data replaces them; keys that it lacks are removed. */
  readonly keys: readonly string[];
  /** Version of the data that the keys come from. A copy with a lower one is behind. 0: no version was merged yet. */
  readonly version: number;
}

/** What a copy says about its session, for comparison with the durable side. */
export interface HotCopy {
  readonly id: string;
  readonly userId: string | null;
  /** Empty when the copy cannot be read. */
  readonly tokenHash: Uint8Array;
  /** Whether `read` would believe it now. Expiry does not count. */
  readonly isBelieved: boolean;
}

export interface HotCopyPage {
  readonly copies: readonly HotCopy[];
  /** Opaque. `undefined` on the last page. A page may be empty without being the last. */
  readonly cursor?: string;
}

/** A revocation that waits for the durable side. */
export interface KeptRevocation {
  readonly key: string;
  readonly revocation: AnyRevocation;
  /** Its age in ms, never overstated: sessions that began since then must survive. */
  readonly ageMs: number;
}
