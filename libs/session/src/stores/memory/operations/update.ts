import type { SessionDataChange, UpdateOutcome } from '../../../core/ports/session-store.js';
import { toRecord, type SessionMap } from '../records/session-map.js';

/** Replaces the data if the version is still the expected one, and increments the version. */
export function updateSession(sessions: SessionMap, { id, expectedVersion, data }: SessionDataChange): UpdateOutcome {
  const now = sessions.now();
  const stored = sessions.findLive(id, now);
  if (!stored) return { applied: false, reason: 'absent' };
  if (stored.version !== expectedVersion) {
    return { applied: false, reason: 'conflict', record: toRecord(stored), now };
  }
  const updated = sessions.put({ ...stored, data: JSON.stringify(data), version: stored.version + 1 });
  return { applied: true, record: toRecord(updated), now };
}
