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

/** The reason why a session ended. An end is terminal. */
export type SessionEndReason = (typeof SESSION_END_REASONS)[number];

/** @throws {SessionArgumentError} Not a `SessionEndReason`. */
export function assertEndReason(reason: unknown): asserts reason is SessionEndReason {
  if ((SESSION_END_REASONS as readonly unknown[]).includes(reason)) return;
  throw new SessionArgumentError(`reason must be one of ${SESSION_END_REASONS.join(', ')}`);
}

/** The authenticator assurance levels of NIST SP 800-63B. */
export type AssuranceLevel = 'aal1' | 'aal2' | 'aal3';

/** The identity-provider session that a session was created from (OpenID Connect, SAML). */
export interface IdentityProviderSession {
  /** The provider: `iss` in OpenID Connect. */
  readonly issuer: string;
  /** The provider's id of its session: `sid` in OpenID Connect; `null` when it gave none. */
  readonly sessionId: string | null;
  /** When the user last authenticated there: `auth_time` in OpenID Connect; `null` when unknown. */
  readonly authenticatedAt: Date | null;
}

/** How the user authenticated. */
export interface SessionAuthentication {
  /** Methods of the latest authentication as in RFC 8176, such as `['pwd', 'otp']`. */
  readonly amr: readonly string[];
  /** The level that the session has reached; `null` for an anonymous session. */
  readonly assuranceLevel: AssuranceLevel | null;
  /** A second factor is pending: `SessionGuard` refuses the session except on handlers marked `@AllowPendingFactor()`. */
  readonly awaitsSecondFactor: boolean;
  /** `null` when the application authenticated the user itself. */
  readonly identityProvider: IdentityProviderSession | null;
}

/** A live session as a store holds it. It never leaves the library: no API, log, event or message holds `tokenHash`. */
export interface SessionRecord extends SessionAuthentication {
  /** Public UUIDv8; its last 62 bits are the user reference. */
  readonly id: string;
  /** `null` for an anonymous session. */
  readonly userId: string | null;
  /**
   * Opaque to stores, 32 to 1024 bytes, compared as a whole. SHA-256 of the token's secret, or HMAC-SHA-256 with a token
   * key. With periodic rotation the state of other tokens follows it (`core/token/token-state.ts`).
   */
  readonly tokenHash: Uint8Array;
  readonly data: JsonObject;
  /** Starts at 1 and increases with every change of data or token, not with a touch. */
  readonly version: number;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  /** The earlier of `lastSeenAt` plus the idle timeout and `absoluteExpiresAt`. */
  readonly expiresAt: Date;
  readonly absoluteExpiresAt: Date;
  /** When the user last authenticated; `null` for an anonymous session. */
  readonly authenticatedAt: Date | null;
  /** The client's address when the session began, in the form that `ipAddresses` keeps; `null` when unknown. */
  readonly ipAddress: string | null;
  /** At most 512 characters, control characters removed. */
  readonly userAgent: string | null;
  /** The application's label for the device. */
  readonly device: string | null;
}

/** The end of all sessions at once. */
export interface EndedEverything {
  /** Sessions that began before this instant ended, by the backend's clock. */
  readonly before: Date;
  readonly endReason: SessionEndReason;
  readonly endedBy: string | null;
}

/** The end of one session. */
export interface EndedSession {
  readonly id: string;
  readonly userId: string | null;
  readonly endedAt: Date;
  readonly endReason: SessionEndReason;
  /** The user or operator id that the caller gave; `null` for the library itself. */
  readonly endedBy: string | null;
}

/** A live record, and the backend's time when it was found live. */
export interface LiveSession {
  readonly record: SessionRecord;
  readonly now: Date;
}

/** A store reports `ended` and `expired` while it still knows, and `unknown` afterwards. For logs only. */
export type SessionAbsence = 'unknown' | 'expired' | 'ended' | 'undecodable';
