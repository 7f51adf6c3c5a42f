import type { CreateOutcome, NewSession } from '../../../core/ports/session-store.js';
import { userReferenceOf } from '../../../core/session/session-id.js';
import { unavailable } from '../connection/redis-errors.js';
import { encodeAuthentication, encodeDetails, encodeHash, encodeUserId } from '../schema/record-format.js';
import { readEnded, readLive } from '../schema/script-replies.js';
import { discard, discardOnceBack } from './discard.js';
import { revokeSession } from './end.js';
import { indexProviderSession } from './provider-index.js';
import type { OperationParts, SessionHashes } from './session-hashes.js';

/**
 * Creates a session by `create.lua`, which also ends the session that the new one replaces. In another hash,
 * `revoke.lua` ends that one next; if this fails, the new session is discarded.
 */
export async function createSession(parts: OperationParts, session: NewSession): Promise<CreateOutcome> {
  const { hashes, gate } = parts;
  const { id, replaces } = session;
  if (replaces === undefined || userReferenceOf(replaces) === userReferenceOf(id)) return insert(parts, session);
  return gate.hold(async () => {
    const outcome = await insert(parts, { ...session, replaces: undefined });
    if (!outcome.created) return outcome;
    try {
      const revocation = { id: replaces, reason: 'replaced', endedBy: null } as const;
      const replaced = await gate.run(() => revokeSession(hashes, revocation));
      return replaced ? { ...outcome, ended: [...outcome.ended, replaced] } : outcome;
    } catch (error) {
      await discard(parts, id);
      discardOnceBack(parts, id).catch(() => undefined);
      throw error;
    }
  });
}

/** Creates one session. Discards it when its answer comes too late or is lost. */
async function insert(parts: OperationParts, session: NewSession): Promise<CreateOutcome> {
  const { hashes, gate } = parts;
  try {
    return await gate.run(
      (deadlineAtMs) => runCreate(hashes, session, deadlineAtMs),
      (outcome) => outcome.created && void discard(parts, session.id),
    );
  } catch (error) {
    discardOnceBack(parts, session.id).catch(() => undefined);
    throw error;
  }
}

/** Unlike other operations, rejects for a key of another type. */
async function runCreate(hashes: SessionHashes, session: NewSession, deadlineAtMs: number): Promise<CreateOutcome> {
  const { id, limit } = session;
  await indexProviderSession(hashes, session, deadlineAtMs);
  const args = [
    id,
    encodeHash(session.tokenHash),
    encodeUserId(session.userId),
    String(session.idleTimeoutMs),
    String(session.absoluteTimeoutMs),
    encodeDetails(session),
    encodeAuthentication(session),
    JSON.stringify(session.data),
    limit ? String(limit.max) : '',
    limit?.onLimit ?? '',
    session.replaces ?? '',
  ];
  const [status, now = '', value = '', activity = '', ...ended] = await hashes.backend.runBefore(deadlineAtMs, {
    name: 'create',
    key: hashes.keys.of(id),
    argsFor: (notAfter) => [...args, notAfter],
  });
  if (status === 'limit' || status === 'id-taken') return { created: false, reason: status };
  const live = readLive(id, [now, value, activity]);
  if (!live) throw unavailable('the new session could not be read back');
  return { created: true, ...live, ended: readEnded(live.now, ended) };
}
