import type { ClientChange } from '../client/client-traits.js';
import type { AbsenceReason } from '../token/session-token.js';

/** What every security event tells. `null`: not known. */
export interface SecurityEvent {
  readonly at: Date;
  /** What `ipAddresses` keeps of it. */
  readonly ipAddress: string | null;
  /** At most 512 characters, without control characters. */
  readonly userAgent: string | null;
}

/**
 * A token of a session that is over was used: by a tab that was left open, or by somebody who kept a copy. Once per
 * session and address in each instance, as far as it remembers. Redis keeps nothing of ended sessions: there, such a token
 * is one of `unknown-tokens`.
 */
export interface UseAfterEnd extends SecurityEvent {
  readonly id: string;
  readonly reason: 'ended' | 'expired';
  /** `false` without `tokenKeys`: what is kept cannot tell whether the secret was right, and ids are no secret. */
  readonly isTokenProven: boolean;
}

/** Tokens that look like ours and are no session's, from one address in one window. The user agent is not known. */
export interface UnknownTokens extends SecurityEvent {
  readonly count: number;
  /** `forged`: with a wrong MAC, refused without asking the store. */
  readonly byReason: Readonly<Record<UnknownTokenReason, number>>;
  /** From when on they were counted, until `at`. */
  readonly since: Date;
  /** All addresses beyond those that are counted one by one, together. */
  readonly isOverflow: boolean;
}

export type UnknownTokenReason = Extract<AbsenceReason, 'unknown' | 'wrong-secret' | 'forged'>;

/** A request or handshake carried what could be read as several sessions, and counts as signed out. */
export interface AmbiguousCredentials extends SecurityEvent {
  readonly contradiction: 'two cookies' | 'cookie and bearer' | 'several Authorization headers';
}

/** A page of another site wanted for itself what a session sees (`resourceIsolation`). Header values are cut at 200 characters. */
export interface IsolationRejection extends SecurityEvent {
  /**
   * `embedded`: as a part of the page, such as an image, script, frame or object. `fetched`: a script asked to read it
   * (CORS) from an origin that is not in `origins.trusted`.
   */
  readonly refusal: 'embedded' | 'fetched';
  /** `false`: it was let through, because `resourceIsolation` is `'log-only'`. */
  readonly isEnforced: boolean;
  readonly method: string | null;
  readonly origin: string | null;
  readonly secFetchSite: string | null;
  readonly secFetchMode: string | null;
  readonly secFetchDest: string | null;
}

/** A sign-in met `maxSessionsPerUser`. */
export interface LimitExceeded extends SecurityEvent {
  readonly userId: string;
  readonly max: number;
  /** `evicted`: the oldest made room, each with an event `ended`. `rejected`: nothing was created. */
  readonly outcome: 'evicted' | 'rejected';
  /** The session that began; `null` when none did. */
  readonly id: string | null;
}

/** `SessionGuard` let a session in nowhere before its user proves more. Then `reauthenticated` follows. */
export interface StepUpRequired extends SecurityEvent {
  readonly id: string;
  readonly userId: string | null;
  readonly reason: 'reauth_required' | 'second_factor_required';
}

/**
 * The store began not to answer, or answers again: the first call that succeeds after 10 s without a failure. Whether it is
 * asked at all depends on the application: nothing is called to find out.
 */
export interface StoreAvailability extends SecurityEvent {
  /** Of a hybrid store perhaps the side. */
  readonly store: string;
  readonly state: 'unavailable' | 'recovered';
  /** Since the first failure, in ms; `null` while unavailable. */
  readonly lastedMs: number | null;
}

export const ANOMALY_DECISIONS = ['allow', 'notify', 'step-up', 'revoke'] as const;

/**
 * - `allow`: the client is one of the session's from now on.
 * - `notify`: the same, and the event `anomaly` tells of it.
 * - `step-up`: the event tells of it, and the session authenticates nobody until `reauthenticate` says that its user proved
 *   who they are, which gives it a new token and makes the client of that proof the one that it knows.
 * - `revoke`: the session ends with reason `anomaly`.
 */
export type AnomalyDecision = (typeof ANOMALY_DECISIONS)[number];

/** What was decided of an anomaly, once for each client that is new to the session; `allow` is not told. */
export interface DecidedAnomaly extends SecurityEvent {
  readonly id: string;
  readonly userId: string;
  readonly changes: readonly ClientChange[];
  readonly decision: Exclude<AnomalyDecision, 'allow'>;
  /**
   * `false`: the store did not say that it took it. This request was refused, but after `notify`, and the next one is
   * asked about again unless it did take it. Told once for each client in each instance, as far as it remembers.
   */
  readonly isStored: boolean;
  /** Of the client that the session began with. */
  readonly formerIpAddress: string | null;
  readonly formerUserAgent: string | null;
}
