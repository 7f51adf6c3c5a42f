import type { AnyRevocation } from '../../../core/ports/hot-sessions.js';
import type { SessionRevocation, UserRevocation } from '../../../core/ports/session-store.js';
import { userReferenceFor, userReferenceOf } from '../../../core/session/session-id.js';
import { revokeAllSessions, revokeSession } from '../operations/end.js';
import type { SessionHashes } from '../operations/session-hashes.js';
import { unconfirmCopies, unconfirmCopiesOfUser } from './hot-unconfirm.js';

/** Ends the copies of sessions that a revocation ends which the durable side has not seen yet. */
export async function endCopies(hashes: SessionHashes, revocation: AnyRevocation, deadlineAtMs: number): Promise<void> {
  if ('id' in revocation) return endCopy(hashes, revocation);
  if (!('issuer' in revocation)) return endCopiesOfUser(hashes, revocation, deadlineAtMs);
  // Nothing tells which copies rest on the provider's session; without belief the user's are asked about.
  if (revocation.userId !== undefined) await unconfirmCopiesOfUser(hashes, revocation.userId);
}

async function endCopy(hashes: SessionHashes, revocation: SessionRevocation): Promise<void> {
  const { id, userId } = revocation;
  // An id that does not carry the user's reference is somebody else's, whose copy must not suffer from it.
  if (userId !== undefined && userReferenceFor(userId) !== userReferenceOf(id)) return;
  // A fill may be under way without a copy yet.
  await unconfirmCopies(hashes, [id]);
  await revokeSession(hashes, revocation);
}

async function endCopiesOfUser(hashes: SessionHashes, revocation: UserRevocation, deadlineAtMs: number): Promise<void> {
  await unconfirmCopiesOfUser(hashes, revocation.userId, revocation.exceptId);
  await revokeAllSessions(hashes, revocation, deadlineAtMs);
}
