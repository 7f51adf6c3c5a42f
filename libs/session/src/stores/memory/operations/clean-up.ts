import type { CleanUpOutcome, CleanUpStep } from '../../../core/ports/session-store.js';
import { isUnexpired } from '../../../core/session/session-policy.js';
import type { SessionMap } from '../records/session-map.js';

/** Removes expired sessions. No retention: this store keeps neither ended sessions nor audit rows. */
export function cleanUp(sessions: SessionMap, { batchSize }: CleanUpStep): CleanUpOutcome {
  const expired = removeExpired(sessions, { now: sessions.now(), limit: batchSize });
  return { expired, purged: expired, auditPurged: 0, state: expired < batchSize ? 'done' : 'more' };
}

/** Removes at most `limit` expired sessions and returns how many it removed. */
export function removeExpired(sessions: SessionMap, { now, limit }: { now: Date; limit: number }): number {
  let removed = 0;
  for (const stored of sessions.list()) {
    if (removed >= limit) break;
    if (isUnexpired(stored, now)) continue;
    sessions.remove(stored);
    removed += 1;
  }
  return removed;
}
