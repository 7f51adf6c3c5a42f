import type { JsonObject } from './session-data.js';
import { SessionArgumentError } from './session-errors.js';

const SESSION_END_REASONS = [
  'logout',
  'revoked',
  'replaced',
  'evicted',
  'expired',
  'rotated-away',
  'reuse',
  'undecodable',
  'credential-change',
  'idp-logout',
  'anomaly',
  'admin',
] as const;

/** Why a session is over. Ended is terminal. */
export type SessionEndReason = (typeof SESSION_END_REASONS)[number];

/** @throws {SessionArgumentError} None of the reasons that every store knows. */
export function assertEndReason(reason: unknown): asserts reason is SessionEndReason {
  if ((SESSION_END_REASONS as readonly unknown[]).includes(reason)) return;
  throw new SessionArgumentError(`reason must be one of ${SESSION_END_REASONS.join(', ')}`);
}

/** The authenticator assurance levels of NIST SP 800-63B. */
export type AssuranceLevel = 'aal1' | 'aal2' | 'aal3';

/** The sign-in at an identity provider that a session rests on (OpenID Connect, SAML). */
export interface IdentityProviderSession {
  /** The provider: `iss` in OpenID Connect. */
  readonly issuer: string;
  /** Its name for its session: `sid` in OpenID Connect; `null` when it gave none. */
  readonly sessionId: string | null;
  /** When the user last authenticated there: `auth_time` in OpenID Connect; `null` when unknown. */
  readonly authenticatedAt: Date | null;
}

/** What is known of how the user proved who they are. */
export interface SessionAuthentication {
  /** Methods of the latest authentication as in RFC 8176, such as `['pwd', 'otp']`. */
  readonly amr: readonly string[];
  /** The level that the session has reached; `null` for an anonymous session. */
  readonly assuranceLevel: AssuranceLevel | null;
  /** The user still has to prove another factor: `SessionGuard` refuses the session where that is not allowed for. */
  readonly awaitsSecondFactor: boolean;
  /** `null` when the application authenticated the user itself. */
  readonly identityProvider: IdentityProviderSession | null;
}

/** A live session as a store holds it. Never leaves the library: `tokenHash` is in no API, log, event or message. */
export interface SessionRecord extends SessionAuthentication {
  /** Public UUIDv8; its last 62 bits are the user reference. */
  readonly id: string;
  /** `null` for an anonymous session. */
  readonly userId: string | null;
  /**
   * Opaque to stores, 32 to 1024 bytes, compared as a whole. SHA-256 of the token's secret, or HMAC-SHA-256 with a token
   * key; with periodic rotation followed by what core has to know of other tokens (`core/token-state.ts`).
   */
  readonly tokenHash: Uint8Array;
  readonly data: JsonObject;
  /** Starts at 1 and counts every change of data or token; a touch does not change it. */
  readonly version: number;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  /** The earlier of `lastSeenAt` plus the idle timeout and `absoluteExpiresAt`. */
  readonly expiresAt: Date;
  readonly absoluteExpiresAt: Date;
  /** When the user last proved who they are; `null` for an anonymous session. */
  readonly authenticatedAt: Date | null;
  /** What `ipAddresses` keeps of the address that the adapter saw when the session began; `null` when unknown. */
  readonly ipAddress: string | null;
  /** At most 512 characters, control characters removed. */
  readonly userAgent: string | null;
  /** A label that the application gave the device. */
  readonly device: string | null;
}

/** What is said when all sessions ended at once. */
export interface EndedEverything {
  /** Sessions that began before this ended, by the backend's clock. */
  readonly before: Date;
  readonly endReason: SessionEndReason;
  readonly endedBy: string | null;
}

/** What is said of a session that just ended. */
export interface EndedSession {
  readonly id: string;
  readonly userId: string | null;
  readonly endedAt: Date;
  readonly endReason: SessionEndReason;
  /** Who ended it: an id that the caller gave, or `null` for the library itself. */
  readonly endedBy: string | null;
}

/** A live record and the backend's time at which it was found so. */
export interface LiveSession {
  readonly record: SessionRecord;
  readonly now: Date;
}

/** `ended` and `expired` are told apart from `unknown` where the store still knows; for logs only. */
export type SessionAbsence = 'unknown' | 'expired' | 'ended' | 'undecodable';
