import type { SessionTouch } from '../../../core/ports/session-store.js';
import { idleExpiryAfter, isTouchDue } from '../../../core/session/session-policy.js';
import type { SessionMap } from '../records/session-map.js';

/** Moves `lastSeenAt` to now, and `expiresAt` with it, which never moves backwards. */
export function touchSession(sessions: SessionMap, { id, idleTimeoutMs, touchIntervalMs }: SessionTouch): boolean {
  const now = sessions.now();
  const stored = sessions.findLive(id, now);
  if (!stored || !isTouchDue(stored.lastSeenAt, now, touchIntervalMs)) return false;
  const moved = idleExpiryAfter(now, { idleTimeoutMs, absoluteExpiresAt: stored.absoluteExpiresAt });
  sessions.put({ ...stored, lastSeenAt: now, expiresAt: moved > stored.expiresAt ? moved : stored.expiresAt });
  return true;
}
