import type {
  ProviderRevocation,
  SessionRevocation,
  TotalRevocation,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import { isUnexpired } from '../../../core/session/session-policy.js';
import type { EndedEverything, EndedSession, SessionEndReason } from '../../../core/session/session-record.js';
import type { SessionMap, StoredSession } from '../records/session-map.js';

/** Why sessions end, the caller that asked for it (`null`: the library), and when. */
export interface SessionEnd {
  readonly reason: SessionEndReason;
  readonly endedBy: string | null;
  readonly now: Date;
}

/** Removes one session: in memory an ended session leaves nothing behind. Every operation that ends a session uses this. */
export function endSession(sessions: SessionMap, session: StoredSession, end: SessionEnd): EndedSession {
  sessions.remove(session);
  return { id: session.id, userId: session.userId, endedAt: end.now, endReason: end.reason, endedBy: end.endedBy };
}

export function revokeSession(sessions: SessionMap, revocation: SessionRevocation): EndedSession | undefined {
  const now = sessions.now();
  const stored = sessions.findLive(revocation.id, now);
  if (!stored) return undefined;
  if (revocation.userId !== undefined && revocation.userId !== stored.userId) return undefined;
  return endSession(sessions, stored, { ...revocation, now });
}

export function revokeAllSessions(sessions: SessionMap, { userId, exceptId, ...end }: UserRevocation): EndedSession[] {
  return endSessionsOfUser(sessions, { userId, exceptId }, { ...end, now: sessions.now() });
}

export function endSessionsOfUser(
  sessions: SessionMap,
  { userId, exceptId }: Pick<UserRevocation, 'userId' | 'exceptId'>,
  end: SessionEnd,
): EndedSession[] {
  return sessions
    .listLiveOfUser(userId, end.now)
    .filter(({ id }) => id !== exceptId)
    .map((stored) => endSession(sessions, stored, end));
}

/** Examines every session: an index by identity provider is not worth its upkeep at the sizes meant for this store. */
export function revokeByIdentityProvider(sessions: SessionMap, revocation: ProviderRevocation): EndedSession[] {
  const now = sessions.now();
  return [...sessions.list()]
    .filter((stored) => isUnexpired(stored, now) && isCoveredBy(revocation, stored))
    .map((stored) => endSession(sessions, stored, { ...revocation, now }));
}

function isCoveredBy(revocation: ProviderRevocation, { identityProvider, userId }: StoredSession): boolean {
  return (
    identityProvider?.issuer === revocation.issuer &&
    identityProvider.sessionId === revocation.sessionId &&
    (revocation.userId === undefined || revocation.userId === userId)
  );
}

/** Examines every session as well. `before` is at most now, so sessions that begin after the call survive. */
export function revokeEverything(sessions: SessionMap, revocation: TotalRevocation): EndedEverything {
  const { before, reason, endedBy } = revocation;
  const now = sessions.now();
  const isAll = before === undefined || before > now;
  for (const stored of sessions.list()) {
    if (isAll || stored.createdAt < before) sessions.remove(stored);
  }
  return { before: isAll ? now : before, endReason: reason, endedBy };
}
