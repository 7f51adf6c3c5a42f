import type {
  LiveSession,
  SessionAbsence,
  EndedEverything,
  EndedSession,
  SessionAuthentication,
  SessionEndReason,
  SessionRecord,
} from '../session/session-record.js';
import type { JsonObject } from '../session/session-data.js';
import type { SessionSignals } from './session-signals.js';

/**
 * Where sessions live: the port that every store implements and `describeSessionStore()` proves.
 *
 * Rules for every method:
 * - The backend's clock decides what is expired and stamps every instant; callers pass durations in ms.
 * - Only `create` brings a session into being. Every other write is conditional on the live record and says whether it
 *   applied; a session that is not live is a normal outcome, never an exception, and is never partly recreated.
 * - Each call is atomic: it applies wholly or not at all, whatever else runs at the same time.
 * - A backend that does not answer rejects with `SessionStoreUnavailableError`. A call given up on may still apply
 *   later only if that is harmless.
 */
export interface SessionStore {
  /** Short lower-case name for messages: `memory`, `redis`, `postgres`. */
  readonly name: string;

  /**
   * How other instances are told at once that sessions ended. Without it they notice when they next ask, and open
   * connections at their next periodic check.
   */
  readonly signals?: SessionSignals;

  /** Checks at boot that the backend can be used. @throws {SessionConfigurationError} It never will be, as it is set up. */
  start(): Promise<void>;

  /**
   * Creates a session and, in the same atomic step, enforces the user's limit and ends the session that it replaces.
   *
   * When `replaces` is another user's or an anonymous session, a store that cannot reach both atomically ends the old
   * one after creating the new one and before resolving; if that fails it removes the new one and rejects.
   */
  create(session: NewSession): Promise<CreateOutcome>;

  /** Reads one session by its id. No write, and no side effect on any other session. The hot path. */
  find(id: string): Promise<FindOutcome>;

  /**
   * Records activity: `lastSeenAt` moves to now, `expiresAt` with it, never backwards and never past
   * `absoluteExpiresAt`. Does nothing when the session was seen less than `touchIntervalMs` ago.
   *
   * A store may gather touches; the promise settles when the write was made. Losing one costs freshness only.
   *
   * @returns Whether a live session was moved.
   */
  touch(touch: SessionTouch): Promise<boolean>;

  /** Replaces the data if the version is still the expected one, and counts the version up. */
  update(change: SessionDataChange): Promise<UpdateOutcome>;

  /** Replaces the token hash, as a whole, if it is still the expected one. Of parallel calls exactly one applies. */
  rotate(rotation: SessionRotation): Promise<RotateOutcome>;

  /**
   * Ends one session. Once resolved, no `find` that starts later returns it, on any instance.
   *
   * @returns `undefined` when the session was not live or, with `userId` given, is not that user's.
   */
  revoke(revocation: SessionRevocation): Promise<EndedSession | undefined>;

  /** Ends all live sessions of a user but `exceptId`, atomically. Two users may share a reference: user ids are compared. */
  revokeAll(revocation: UserRevocation): Promise<EndedSession[]>;

  /**
   * Ends all live sessions that rest on one session at an identity provider: every one that was stored before the call,
   * whether it was created so or came to it at a later authentication. What is stored afterwards stands. Atomic where
   * the store can reach them all at once; where not, each one is, and a call that failed may be made again.
   */
  revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]>;

  /**
   * Ends all sessions of everybody that began before an instant, by one step however many there are: they are refused
   * from then on by every method, and removed when the store comes to it. Once resolved, no `find` that starts later
   * returns one, on any instance; sessions created since stand. May take a second or two.
   */
  revokeEverything(revocation: TotalRevocation): Promise<EndedEverything>;

  /** Exactly the user's sessions that `find` would return as live, in no particular order. */
  listByUser(query: SessionListQuery): Promise<SessionList>;

  /** One bounded step of cleanup. Nothing depends on it: expired sessions are refused whether or not it ran. */
  cleanUp(step: CleanUpStep): Promise<CleanUpOutcome>;

  /** Writes what was gathered. Resolves when it is written or has failed for good. */
  flush(): Promise<void>;

  /** Flushes, then closes the clients that the store opened itself. Idempotent; later calls of other methods reject. */
  stop(): Promise<void>;
}

export interface NewSession extends SessionAuthentication {
  readonly id: string;
  readonly userId: string | null;
  readonly tokenHash: Uint8Array;
  readonly data: JsonObject;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly device: string | null;
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  /** Ignored for an anonymous session. The session named by `replaces` does not count. */
  readonly limit?: SessionLimit;
  /** Id of the session that this one takes the place of; ended with reason `replaced`. */
  readonly replaces?: string;
}

/**
 * The most live sessions a user may have, and what to do with one more: end the oldest by creation, or refuse. Those that
 * await their second factor go before any other: whoever began them has perhaps no more than the password.
 */
export interface SessionLimit {
  readonly max: number;
  readonly onLimit: 'revoke-oldest' | 'reject';
}

export type CreateOutcome =
  | (LiveSession & {
      readonly created: true;
      /** Sessions that ended so that this one could begin: `replaced` or `evicted`. */
      readonly ended: readonly EndedSession[];
    })
  | { readonly created: false; readonly reason: 'limit' | 'id-taken' };

export type FindOutcome =
  (LiveSession & { readonly live: true }) | { readonly live: false; readonly reason: SessionAbsence };

export interface SessionTouch {
  readonly id: string;
  readonly idleTimeoutMs: number;
  readonly touchIntervalMs: number;
}

export interface SessionDataChange {
  readonly id: string;
  readonly expectedVersion: number;
  readonly data: JsonObject;
}

export type UpdateOutcome =
  | (LiveSession & { readonly applied: true })
  /** `record` is the one that stands now, so that the caller can try again without another read. */
  | (LiveSession & { readonly applied: false; readonly reason: 'conflict' })
  | { readonly applied: false; readonly reason: 'absent' };

export interface SessionRotation {
  readonly id: string;
  readonly expectedTokenHash: Uint8Array;
  readonly tokenHash: Uint8Array;
  /**
   * - `rotation`: the old token is dead. A store that rejects puts it back if it can: the new one is never delivered.
   * - `renewal`: a client took up the token that it had been given. As a rotation, but never put back.
   * - `rehash`: the token stays; only what is stored of it changes (a newer key, a successor made ready). No transition, so
   *   it leaves no audit row, and is never put back: somebody may have acted upon it.
   */
  readonly cause: 'rotation' | 'renewal' | 'rehash';
  /** Given when the user proved who they are: sets all of this, `authenticatedAt` and both expiries anew. */
  readonly authentication?: RenewedAuthentication;
  /** In the same atomic step all other live sessions of the same user end, if the rotation applies. Never for an anonymous one. */
  readonly endOthers?: { readonly reason: SessionEndReason; readonly endedBy: string | null };
}

export interface RenewedAuthentication extends SessionAuthentication {
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
}

export type RotateOutcome =
  | (LiveSession & {
      readonly applied: true;
      /** The other sessions of the user that ended with it. */
      readonly ended: readonly EndedSession[];
    })
  /** `superseded`: live, but its token hash is no longer the expected one. */
  | { readonly applied: false; readonly reason: 'absent' | 'superseded' };

export interface SessionRevocation {
  readonly id: string;
  /** When given, only a session of this user is ended. */
  readonly userId?: string;
  readonly reason: SessionEndReason;
  readonly endedBy: string | null;
}

export interface UserRevocation {
  readonly userId: string;
  readonly exceptId?: string;
  readonly reason: SessionEndReason;
  readonly endedBy: string | null;
}

/** Issuer and session id are compared exactly, as they were stored. */
export interface ProviderRevocation {
  /** `iss` in OpenID Connect. */
  readonly issuer: string;
  /** The provider's name for its session: `sid` in OpenID Connect. */
  readonly sessionId: string;
  /** When given, only sessions of this user are ended. */
  readonly userId?: string;
  readonly reason: SessionEndReason;
  readonly endedBy: string | null;
}

export interface TotalRevocation {
  /** Sessions that began before this end. Default, and at most, the backend's now. */
  readonly before?: Date;
  readonly reason: SessionEndReason;
  readonly endedBy: string | null;
}

export interface SessionListQuery {
  readonly userId: string;
  /** Only sessions whose data contains this, as Postgres' `jsonb @>` decides. */
  readonly dataContains?: JsonObject;
}

export interface SessionList {
  readonly records: readonly SessionRecord[];
  readonly now: Date;
}

export interface CleanUpStep {
  /** The most rows of one kind to handle. */
  readonly batchSize: number;
}

export interface CleanUpOutcome {
  /** Sessions found expired and marked as ended. */
  readonly expired: number;
  /** Ended sessions removed after their retention. */
  readonly purged: number;
  /** Audit rows removed after their retention. */
  readonly auditPurged: number;
  /** `more`: call again; `done`: nothing left; `busy`: another instance is at it. */
  readonly state: 'more' | 'done' | 'busy';
}
