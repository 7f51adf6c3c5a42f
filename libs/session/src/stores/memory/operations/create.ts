import type { CreateOutcome, NewSession } from '../../../core/ports/session-store.js';
import { SessionStoreFullError } from '../../../core/session/session-errors.js';
import { expiriesFrom } from '../../../core/session/session-policy.js';
import { copyAuthentication, toRecord, type SessionMap, type StoredSession } from '../records/session-map.js';
import { removeExpired } from './clean-up.js';
import { endSession } from './end.js';

/**
 * Inserts a session. In the same step it ends the session that the new one replaces and those over the user's limit.
 *
 * Everything that can refuse the new session comes before the first change.
 *
 * @throws {SessionStoreFullError} The store holds `maxSessions` live sessions, and this one does not replace any.
 */
export function createSession(sessions: SessionMap, session: NewSession, maxSessions: number): CreateOutcome {
  const now = sessions.now();
  if (sessions.find(session.id)) return { created: false, reason: 'id-taken' };
  const evicted = findOverLimit(sessions, session, now);
  if (evicted === 'limit') return { created: false, reason: 'limit' };
  const replaced = session.replaces === undefined ? undefined : sessions.findLive(session.replaces, now);
  assertRoom(sessions, { now, maxSessions, leaving: evicted.length + (replaced ? 1 : 0) });

  const ended = [
    ...(replaced ? [endSession(sessions, replaced, { reason: 'replaced', endedBy: null, now })] : []),
    ...evicted.map((one) => endSession(sessions, one, { reason: 'evicted', endedBy: null, now })),
  ];
  const stored = sessions.put({
    id: session.id,
    userId: session.userId,
    tokenHash: Uint8Array.from(session.tokenHash),
    data: JSON.stringify(session.data),
    version: 1,
    createdAt: now,
    ...expiriesFrom(now, session),
    authenticatedAt: session.userId === null ? null : now,
    ...copyAuthentication(session),
    ipAddress: session.ipAddress,
    userAgent: session.userAgent,
    device: session.device,
  });
  return { created: true, record: toRecord(stored), now, ended };
}

/** Returns the sessions to evict so that one more fits, or `'limit'` when the new session must be refused instead. */
function findOverLimit(
  sessions: SessionMap,
  { userId, limit, replaces }: NewSession,
  now: Date,
): StoredSession[] | 'limit' {
  if (!limit || userId === null) return [];
  const live = sessions.listLiveOfUser(userId, now).filter(({ id }) => id !== replaces);
  const excess = live.length + 1 - limit.max;
  if (excess <= 0) return [];
  if (limit.onLimit === 'reject') return 'limit';
  return live.toSorted(byEviction).slice(0, excess);
}

/** Sorts by eviction: sessions awaiting their second factor first, then the oldest. */
function byEviction(a: StoredSession, b: StoredSession): number {
  const byFactor = Number(b.awaitsSecondFactor) - Number(a.awaitsSecondFactor);
  return byFactor || a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
}

/** Expired sessions are removed only when the map is full: looking for them takes a pass over all sessions. */
function assertRoom(
  sessions: SessionMap,
  { now, maxSessions, leaving }: { now: Date; maxSessions: number; leaving: number },
): void {
  if (sessions.size - leaving < maxSessions) return;
  removeExpired(sessions, { now, limit: Infinity });
  if (sessions.size - leaving < maxSessions) return;
  throw new SessionStoreFullError(
    'memory',
    `it holds ${maxSessions} live sessions, all that maxSessions allows: raise it or use a store that is not in memory`,
  );
}
