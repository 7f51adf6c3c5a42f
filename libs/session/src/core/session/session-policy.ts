import type { SessionRecord } from './session-record.js';

/** The timeouts and limits in force. Durations are in ms. */
export interface SessionPolicy {
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  readonly touchIntervalMs: number;
  /** How long a session may await its second factor. */
  readonly secondFactorTimeoutMs: number;
  /** `undefined`: no limit. */
  readonly maxSessionsPerUser?: number;
  readonly onLimit: 'revoke-oldest' | 'reject';
  /** Bytes of the data's JSON in UTF-8. */
  readonly maxDataBytes: number;
  /** Age at which a token gets a successor. `undefined`: tokens are rotated on demand only. */
  readonly rotateEveryMs?: number;
  /** How long a token is accepted after its successor was first presented. Default `DEFAULT_ROTATION_GRACE_MS`. */
  readonly rotationGraceMs?: number;
}

export const DEFAULT_ROTATION_GRACE_MS = 60_000;

type Expiry = Pick<SessionRecord, 'expiresAt' | 'absoluteExpiresAt'>;

/** Returns whether a session is within both timeouts. At the instant of expiry it is not. */
export function isUnexpired(session: Expiry, now: Date): boolean {
  return now < session.expiresAt && now < session.absoluteExpiresAt;
}

/** Returns when a session last seen at `lastSeenAt` expires, never past its absolute expiry. */
export function idleExpiryAfter(
  lastSeenAt: Date,
  { idleTimeoutMs, absoluteExpiresAt }: { idleTimeoutMs: number; absoluteExpiresAt: Date },
): Date {
  return new Date(Math.min(lastSeenAt.getTime() + idleTimeoutMs, absoluteExpiresAt.getTime()));
}

/** Returns the expiries of a session that begins at `now`, or whose user reauthenticated then. */
export function expiriesFrom(now: Date, timeouts: { idleTimeoutMs: number; absoluteTimeoutMs: number }) {
  const absoluteExpiresAt = new Date(now.getTime() + timeouts.absoluteTimeoutMs);
  return {
    lastSeenAt: now,
    absoluteExpiresAt,
    expiresAt: idleExpiryAfter(now, { idleTimeoutMs: timeouts.idleTimeoutMs, absoluteExpiresAt }),
  };
}

/** Returns whether activity at `now` is to be written: at most once per touch interval. */
export function isTouchDue(lastSeenAt: Date, now: Date, touchIntervalMs: number): boolean {
  return now.getTime() - lastSeenAt.getTime() >= touchIntervalMs;
}

/** Returns whether the user authenticated less than `maxAgeMs` before `now`. Never true for an anonymous session. */
export function isFresh(authenticatedAt: Date | null, now: Date, maxAgeMs: number): boolean {
  return authenticatedAt !== null && now.getTime() - authenticatedAt.getTime() < maxAgeMs;
}
