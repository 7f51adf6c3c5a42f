import type { FindOutcome } from '../../../core/ports/session-store.js';
import { isUnexpired } from '../../../core/session/session-policy.js';
import { toRecord, type SessionMap } from '../records/session-map.js';

/** Returns a copy of the session, or the reason why it is not live. */
export function findSession(sessions: SessionMap, id: string): FindOutcome {
  const now = sessions.now();
  const stored = sessions.find(id);
  if (!stored) return { live: false, reason: 'unknown' };
  if (!isUnexpired(stored, now)) return { live: false, reason: 'expired' };
  return { live: true, record: toRecord(stored), now };
}
