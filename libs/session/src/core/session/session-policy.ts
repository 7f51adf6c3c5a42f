import type { SessionRecord } from './session-record.js';

/** The rules of time and number in force, durations in ms. */
export interface SessionPolicy {
  readonly idleTimeoutMs: number;
  readonly absoluteTimeoutMs: number;
  readonly touchIntervalMs: number;
  /** The most that a session may wait for a second factor. */
  readonly secondFactorTimeoutMs: number;
  /** `undefined`: no limit. */
  readonly maxSessionsPerUser?: number;
  readonly onLimit: 'revoke-oldest' | 'reject';
  /** Bytes of the data's JSON in UTF-8. */
  readonly maxDataBytes: number;
  /** A token gets a successor once it is this old. `undefined`: tokens are rotated on demand only. */
  readonly rotateEveryMs?: number;
  /** How long a token is accepted after its successor was first presented. Default `DEFAULT_ROTATION_GRACE_MS`. */
  readonly rotationGraceMs?: number;
}

export const DEFAULT_ROTATION_GRACE_MS = 60_000;

type Expiry = Pick<SessionRecord, 'expiresAt' | 'absoluteExpiresAt'>;

/** Whether a session that has not been ended is still within both timeouts. The instant of expiry is too late. */
export function isUnexpired(session: Expiry, now: Date): boolean {
  return now < session.expiresAt && now < session.absoluteExpiresAt;
}

/** When the session expires if it was last seen at `lastSeenAt`: never past its absolute expiry. */
export function idleExpiryAfter(
  lastSeenAt: Date,
  { idleTimeoutMs, absoluteExpiresAt }: { idleTimeoutMs: number; absoluteExpiresAt: Date },
): Date {
  return new Date(Math.min(lastSeenAt.getTime() + idleTimeoutMs, absoluteExpiresAt.getTime()));
}

/** The four instants of a session that begins, or whose user proved again who they are, at `now`. */
export function expiriesFrom(now: Date, timeouts: { idleTimeoutMs: number; absoluteTimeoutMs: number }) {
  const absoluteExpiresAt = new Date(now.getTime() + timeouts.absoluteTimeoutMs);
  return {
    lastSeenAt: now,
    absoluteExpiresAt,
    expiresAt: idleExpiryAfter(now, { idleTimeoutMs: timeouts.idleTimeoutMs, absoluteExpiresAt }),
  };
}

/** Whether activity at `now` is worth a write: at most one per touch interval. */
export function isTouchDue(lastSeenAt: Date, now: Date, touchIntervalMs: number): boolean {
  return now.getTime() - lastSeenAt.getTime() >= touchIntervalMs;
}

/** Whether the user proved who they are less than `maxAgeMs` before `now`. Never true for an anonymous session. */
export function isFresh(authenticatedAt: Date | null, now: Date, maxAgeMs: number): boolean {
  return authenticatedAt !== null && now.getTime() - authenticatedAt.getTime() < maxAgeMs;
}
