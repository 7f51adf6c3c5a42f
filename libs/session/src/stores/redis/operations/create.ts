import type { CreateOutcome, NewSession } from '../../../core/ports/session-store.js';
import { unavailable } from '../connection/redis-errors.js';
import { encodeAuthentication, encodeDetails, encodeHash, encodeUserId } from '../schema/record-format.js';
import { readEnded, readLive } from '../schema/script-replies.js';
import { indexProviderSession } from './provider-index.js';
import type { SessionHashes } from './session-hashes.js';

/**
 * `create.lua`, after the entry in the index of the provider's session. A key of another type rejects.
 *
 * @param session.replaces - Must be in the same hash.
 */
export async function createSession(
  hashes: SessionHashes,
  session: NewSession,
  deadlineAtMs: number,
): Promise<CreateOutcome> {
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
