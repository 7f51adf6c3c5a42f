import type { SessionRevocation, TotalRevocation, UserRevocation } from '../../../core/ports/session-store.js';
import { userReferenceFor, userReferenceOf } from '../../../core/session/session-id.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import { encodeUserId } from '../schema/record-format.js';
import { readEnded, readInstant } from '../schema/script-replies.js';
import type { OperationParts, SessionHashes } from './session-hashes.js';

/** Ends one session by `revoke.lua`. A late run does no harm: an id is never used again. */
export async function revokeSession(
  hashes: SessionHashes,
  revocation: SessionRevocation,
): Promise<EndedSession | undefined> {
  const ended = await revokeUnchangedSession(hashes, revocation, '');
  return ended === 'changed' ? undefined : ended;
}

/**
 * Ends one session while its authentication is still the given one.
 *
 * @param authentication - The record's line, as stored; empty: any.
 * @returns `changed` when the session is live with another authentication.
 */
export async function revokeUnchangedSession(
  hashes: SessionHashes,
  { id, userId, reason, endedBy }: SessionRevocation,
  authentication: string,
): Promise<EndedSession | 'changed' | undefined> {
  const owner = userId === undefined ? '*' : encodeUserId(userId);
  const mayDropUnreadable = userId === undefined || userReferenceFor(userId) === userReferenceOf(id);
  const args = [id, owner, mayDropUnreadable ? '1' : '0', authentication];
  const [status, now, user = ''] = (await hashes.runScript('revoke', hashes.keys.of(id), args)) ?? [];
  if (status === 'changed') return 'changed';
  const isEnded = status === 'ended' || (status === 'dropped' && reason === 'undecodable');
  if (!isEnded) return undefined;
  const [ended] = readEnded(readInstant(now), [id, user, reason]);
  return ended && { ...ended, endedBy };
}

/** Ends the user's sessions by `revoke-all.lua`. A late run spares sessions that began after the deadline. */
export async function revokeAllSessions(
  hashes: SessionHashes,
  revocation: UserRevocation,
  deadlineAtMs: number,
): Promise<EndedSession[]> {
  const { userId, exceptId = '', reason, endedBy } = revocation;
  const ended: EndedSession[] = [];
  const collect = ([, now, unreadable, ...ids]: readonly string[]) => {
    if (unreadable !== '0') hashes.logger.warn(`a revocation dropped ${unreadable} sessions that cannot be decoded`);
    const endedAt = readInstant(now);
    ended.push(...ids.map((id) => ({ id, userId, endedAt, endReason: reason, endedBy })));
  };
  const reply = await hashes.runBefore(deadlineAtMs, {
    name: 'revokeAll',
    key: hashes.keys.ofUser(userId),
    argsFor: (notAfter) => [encodeUserId(userId), exceptId, notAfter],
    onLate: collect,
  });
  if (reply) collect(reply);
  return ended;
}

/** Raises the cutoff. Resolves after about 1.3 s: other instances rely on the old cutoff for up to a second. */
export async function revokeEverything(
  { hashes, gate, signal }: OperationParts,
  { before, reason, endedBy }: TotalRevocation,
): Promise<EndedEverything> {
  const { backend } = hashes;
  const cutoff = { instantMs: before && Math.ceil(before.getTime()) };
  const raised = await gate.run((deadlineAtMs) => backend.raiseCutoff(cutoff, deadlineAtMs));
  await backend.cutoff.outwait(raised, { gate, signal });
  return { before: new Date(raised.value), endReason: reason, endedBy };
}
