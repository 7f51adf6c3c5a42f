import type { AnyRevocation } from '../../../core/ports/hot-sessions.js';
import type { SessionRevocation, UserRevocation } from '../../../core/ports/session-store.js';
import { userReferenceFor, userReferenceOf } from '../../../core/session/session-id.js';
import { revokeAllSessions, revokeSession } from '../operations/end.js';
import type { SessionHashes } from '../operations/session-hashes.js';
import { unconfirmCopies, unconfirmCopiesOfUser } from './hot-unconfirm.js';

/** Ends the copies that a kept revocation concerns: the durable side has not seen it yet. */
export async function endCopies(hashes: SessionHashes, revocation: AnyRevocation, deadlineAtMs: number): Promise<void> {
  if ('id' in revocation) return endCopy(hashes, revocation);
  if (!('issuer' in revocation)) return endCopiesOfUser(hashes, revocation, deadlineAtMs);
  // No index has the copies of the provider's session. Unconfirmed, the user's copies are checked on the durable side.
  if (revocation.userId !== undefined) await unconfirmCopiesOfUser(hashes, revocation.userId);
}

async function endCopy(hashes: SessionHashes, revocation: SessionRevocation): Promise<void> {
  const { id, userId } = revocation;
  // An id without the user's reference belongs to another user, whose copy must survive.
  if (userId !== undefined && userReferenceFor(userId) !== userReferenceOf(id)) return;
  // Removes the lease as well: a fill may be under way without a copy yet.
  await unconfirmCopies(hashes, [id]);
  await revokeSession(hashes, revocation);
}

async function endCopiesOfUser(hashes: SessionHashes, revocation: UserRevocation, deadlineAtMs: number): Promise<void> {
  await unconfirmCopiesOfUser(hashes, revocation.userId, revocation.exceptId);
  await revokeAllSessions(hashes, revocation, deadlineAtMs);
}
