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
 * The port that every store implements and `describeSessionStore()` proves.
 *
 * Rules for every method:
 * - The backend's clock decides about expiry and stamps every instant. Callers pass durations in ms.
 * - Only `create` creates a session. Every other write is conditional on the live record and returns whether it applied. A
 *   session that is not live is a normal outcome, never an exception, and is never partly recreated.
 * - Each call is atomic: it applies wholly or not at all, whatever runs in parallel.
 * - When the backend does not answer, the call rejects with `SessionStoreUnavailableError`. It may still apply later, but
 *   only if that is harmless.
 */
export interface SessionStore {
  /** Short lower-case name for messages: `memory`, `redis`, `postgres`. */
  readonly name: string;

  /**
   * Notifies other instances at once of sessions that ended. Without it they notice at their next check of the session, and
   * open connections at their next periodic check.
   */
  readonly signals?: SessionSignals;

  /** Checks at boot that the backend can be used. @throws {SessionConfigurationError} Its setup makes that impossible. */
  start(): Promise<void>;

  /**
   * Creates a session and, in the same atomic step, enforces the user's limit and ends the session that it replaces.
   *
   * `replaces` may name another user's or an anonymous session. A store that cannot reach both atomically ends the old one
   * after creating the new one and before resolving. If that fails, it removes the new one and rejects.
   */
  create(session: NewSession): Promise<CreateOutcome>;

  /** Reads one session by its id, without a write or a side effect on any other session. The hot path. */
  find(id: string): Promise<FindOutcome>;

  /**
   * Records activity: moves `lastSeenAt` to now and `expiresAt` with it, never backwards and never past `absoluteExpiresAt`.
   * Does nothing when the session was seen less than `touchIntervalMs` ago.
   *
   * A store may gather touches; the promise settles once the write was made. A lost touch costs freshness only.
   *
   * @returns Whether a live session was moved.
   */
  touch(touch: SessionTouch): Promise<boolean>;

  /** Replaces the data and increases the version, if the version is still the expected one. */
  update(change: SessionDataChange): Promise<UpdateOutcome>;

  /** Replaces the whole token hash, if it is still the expected one. Of parallel calls exactly one applies. */
  rotate(rotation: SessionRotation): Promise<RotateOutcome>;

  /**
   * Revokes one session. Once resolved, no `find` that starts later returns it, on any instance.
   *
   * @returns `undefined` when the session was not live or, with `userId` given, is not that user's.
   */
  revoke(revocation: SessionRevocation): Promise<EndedSession | undefined>;

  /** Revokes all live sessions of a user except `exceptId`, atomically. Two users may share a reference: compare user ids. */
  revokeAll(revocation: UserRevocation): Promise<EndedSession[]>;

  /**
   * Revokes all live sessions of one identity-provider session that were stored before the call, also those that got it by
   * a later authentication. Sessions stored afterwards survive. Atomic where the store can reach them all at once. Elsewhere
   * each session is revoked atomically, and a failed call may be repeated.
   */
  revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]>;

  /**
   * Revokes all sessions of all users that began before an instant, in constant time: every method refuses them from then
   * on, and cleanup removes them later. Once resolved, no `find` that starts later returns one, on any instance. Sessions
   * created since then survive. May take a second or two.
   */
  revokeEverything(revocation: TotalRevocation): Promise<EndedEverything>;

  /** Lists exactly the user's sessions that `find` would return as live, in no particular order. */
  listByUser(query: SessionListQuery): Promise<SessionList>;

  /** Runs one bounded step of cleanup. Expired sessions are refused whether or not it ran. */
  cleanUp(step: CleanUpStep): Promise<CleanUpOutcome>;

  /** Writes gathered touches. Resolves when they are written or have failed for good. */
  flush(): Promise<void>;

  /** Flushes, then closes the clients that the store opened itself. Idempotent. Later calls of other methods reject. */
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
  /** Id of the session that this one replaces, which ends with reason `replaced`. */
  readonly replaces?: string;
}

/**
 * The most live sessions of a user, and what one more does: end the oldest by creation, or be refused. Sessions that await a
 * second factor are evicted first, because an attacker who knows only the password could have created them.
 */
export interface SessionLimit {
  readonly max: number;
  readonly onLimit: 'revoke-oldest' | 'reject';
}

export type CreateOutcome =
  | (LiveSession & {
      readonly created: true;
      /** Sessions that this one ended: `replaced` or `evicted`. */
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
  /** `record` is the current one, so that the caller can try again without another read. */
  | (LiveSession & { readonly applied: false; readonly reason: 'conflict' })
  | { readonly applied: false; readonly reason: 'absent' };

export interface SessionRotation {
  readonly id: string;
  readonly expectedTokenHash: Uint8Array;
  readonly tokenHash: Uint8Array;
  /**
   * - `rotation`: the old token is dead. A store that rejects restores it if it can, because the new one is never delivered.
   * - `renewal`: a client presented the successor that it had been given. As a rotation, but never restored.
   * - `rehash`: the token stays valid; only its stored state changes (a newer key, a prepared successor). It leaves no audit
   *   row and is never restored, because another request may have acted on it.
   */
  readonly cause: 'rotation' | 'renewal' | 'rehash';
  /** Given when the user authenticated: sets all of this, `authenticatedAt` and both expiries anew. */
  readonly authentication?: RenewedAuthentication;
  /** If the rotation applies, all other live sessions of the user end in the same step. Never for an anonymous one. */
  readonly endOthers?: { readonly reason: SessionEndReason; readonly endedBy: string | null };
}

export interface RenewedAuthentication extends SessionAuthentication {
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
}

export type RotateOutcome =
  | (LiveSession & {
      readonly applied: true;
      /** The other sessions of the user that ended in the same step. */
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
  /** The provider's id of its session: `sid` in OpenID Connect. */
  readonly sessionId: string;
  /** When given, only sessions of this user are ended. */
  readonly userId?: string;
  readonly reason: SessionEndReason;
  readonly endedBy: string | null;
}

export interface TotalRevocation {
  /** Sessions that began before this instant end. Default, and at most, the backend's now. */
  readonly before?: Date;
  readonly reason: SessionEndReason;
  readonly endedBy: string | null;
}

export interface SessionListQuery {
  readonly userId: string;
  /** Only sessions whose data contains this, by the rules of `jsonb @>` in Postgres. */
  readonly dataContains?: JsonObject;
}

export interface SessionList {
  readonly records: readonly SessionRecord[];
  readonly now: Date;
}

export interface CleanUpStep {
  /** The most rows of one kind per step. */
  readonly batchSize: number;
}

export interface CleanUpOutcome {
  /** Sessions found expired and marked as ended. */
  readonly expired: number;
  /** Ended sessions removed after their retention. */
  readonly purged: number;
  /** Audit rows removed after their retention. */
  readonly auditPurged: number;
  /** `more`: call again. `done`: nothing is left. `busy`: another instance is cleaning up. */
  readonly state: 'more' | 'done' | 'busy';
}
