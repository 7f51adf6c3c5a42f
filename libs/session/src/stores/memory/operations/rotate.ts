import type { RotateOutcome, SessionRotation } from '../../../core/ports/session-store.js';
import { expiriesFrom } from '../../../core/session/session-policy.js';
import { copyAuthentication, toRecord, type SessionMap } from '../records/session-map.js';
import { endSessionsOfUser } from './end.js';

/**
 * Replaces the token hash if it is still the expected one, and increments the version.
 *
 * A rotation with `authentication` renews both expiries as well. One with `endOthers` ends the user's other sessions.
 */
export function rotateSession(sessions: SessionMap, rotation: SessionRotation): RotateOutcome {
  const { id, expectedTokenHash, tokenHash, authentication, endOthers } = rotation;
  const now = sessions.now();
  const stored = sessions.findLive(id, now);
  if (!stored) return { applied: false, reason: 'absent' };
  if (Buffer.compare(stored.tokenHash, expectedTokenHash) !== 0) return { applied: false, reason: 'superseded' };
  const rotated = sessions.put({
    ...stored,
    tokenHash: Uint8Array.from(tokenHash),
    version: stored.version + 1,
    ...(authentication && {
      ...expiriesFrom(now, authentication),
      authenticatedAt: now,
      ...copyAuthentication(authentication),
    }),
  });
  const { userId } = rotated;
  const ended =
    endOthers && userId !== null ? endSessionsOfUser(sessions, { userId, exceptId: id }, { ...endOthers, now }) : [];
  return { applied: true, record: toRecord(rotated), now, ended };
}
