import type { ClientChange } from '../client/client-traits.js';
import type { AbsenceReason } from '../token/session-token.js';

/** The fields of every security event. `null`: not known. */
export interface SecurityEvent {
  readonly at: Date;
  /** In the form that `ipAddresses` keeps. */
  readonly ipAddress: string | null;
  /** At most 512 characters, without control characters. */
  readonly userAgent: string | null;
}

/**
 * A token was used after its session had ended or expired: by a tab that was left open, or by the holder of a copy. Emitted
 * once per session and address in each instance, as far as it remembers. Redis keeps nothing of ended sessions: there, such
 * a token counts among `unknown-tokens`.
 */
export interface UseAfterEnd extends SecurityEvent {
  readonly id: string;
  readonly reason: 'ended' | 'expired';
  /** `false` without `tokenKeys`: the secret cannot be checked any more, and ids are not secret. */
  readonly isTokenProven: boolean;
}

/** Well-formed tokens without a session, from one address in one window. The user agent is not known. */
export interface UnknownTokens extends SecurityEvent {
  readonly count: number;
  /** `forged`: the MAC was wrong, and the store was not asked. */
  readonly byReason: Readonly<Record<UnknownTokenReason, number>>;
  /** Start of the window, which ends at `at`. */
  readonly since: Date;
  /** `true` for the sum of all addresses beyond those that are counted one by one. */
  readonly isOverflow: boolean;
}

export type UnknownTokenReason = Extract<AbsenceReason, 'unknown' | 'wrong-secret' | 'forged'>;

/** A request or handshake carried credentials of several sessions, and was treated as signed out. */
export interface AmbiguousCredentials extends SecurityEvent {
  readonly contradiction: 'two cookies' | 'cookie and bearer' | 'several Authorization headers';
}

/**
 * Another site embedded or fetched a response that depends on the session (`resourceIsolation`). Header values are cut at
 * 200 characters.
 */
export interface IsolationRejection extends SecurityEvent {
  /**
   * `embedded`: as part of a page, such as an image, script, frame or object. `fetched`: by a script that asked to read it
   * (CORS), from an origin that is not in `origins.trusted`.
   */
  readonly refusal: 'embedded' | 'fetched';
  /** `false`: the request was allowed, because `resourceIsolation` is `'log-only'`. */
  readonly isEnforced: boolean;
  readonly method: string | null;
  readonly origin: string | null;
  readonly secFetchSite: string | null;
  readonly secFetchMode: string | null;
  readonly secFetchDest: string | null;
}

/** A sign-in reached `maxSessionsPerUser`. */
export interface LimitExceeded extends SecurityEvent {
  readonly userId: string;
  readonly max: number;
  /** `evicted`: the oldest sessions ended, each with an event `ended`. `rejected`: no session was created. */
  readonly outcome: 'evicted' | 'rejected';
  /** The session that was created; `null` when none was. */
  readonly id: string | null;
}

/** `SessionGuard` refused a session until its user proves more. `reauthenticated` follows when that happens. */
export interface StepUpRequired extends SecurityEvent {
  readonly id: string;
  readonly userId: string | null;
  readonly reason: 'reauth_required' | 'second_factor_required';
}

/**
 * The store stopped answering, or answers again. The outage ends with the first call that succeeds after 10 s without a
 * failure. The store is not polled: without calls of the application no change is noticed.
 */
export interface StoreAvailability extends SecurityEvent {
  /** The name of the store, or of the failing side of a hybrid store. */
  readonly store: string;
  readonly state: 'unavailable' | 'recovered';
  /** Since the first failure, in ms; `null` while unavailable. */
  readonly lastedMs: number | null;
}

export const ANOMALY_DECISIONS = ['allow', 'notify', 'step-up', 'revoke'] as const;

/**
 * - `allow`: the session accepts the client from now on.
 * - `notify`: as `allow`, and the event `anomaly` is emitted.
 * - `step-up`: the event is emitted, and the session authenticates nobody until its user reauthenticates. That gives it a new
 *   token, and the client of that proof becomes the only one that it knows besides its first.
 * - `revoke`: the session ends with reason `anomaly`.
 */
export type AnomalyDecision = (typeof ANOMALY_DECISIONS)[number];

/** A decision about an anomaly, once for each client that is new to the session. Not emitted for `allow`. */
export interface DecidedAnomaly extends SecurityEvent {
  readonly id: string;
  readonly userId: string;
  readonly changes: readonly ClientChange[];
  readonly decision: Exclude<AnomalyDecision, 'allow'>;
  /**
   * `false`: the store did not confirm the decision. This request was refused, except after `notify`. The next one asks
   * again, unless the store did take it. Emitted once for each client in each instance, as far as it remembers.
   */
  readonly isStored: boolean;
  /** Address and user agent of the client that the session began with. */
  readonly formerIpAddress: string | null;
  readonly formerUserAgent: string | null;
}
