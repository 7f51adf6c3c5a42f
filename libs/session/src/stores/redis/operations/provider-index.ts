import type { NewSession, ProviderRevocation } from '../../../core/ports/session-store.js';
import type { EndedSession } from '../../../core/session/session-record.js';
import { unavailable } from '../connection/redis-errors.js';
import { authenticationLineOf, decodeRecord } from '../schema/record-format.js';
import { revokeSession, revokeUnchangedSession } from './end.js';
import type { SessionHashes } from './session-hashes.js';

/** An entry outlives its session by this: the session begins a little later, in a Cluster by another server's clock. */
const MARGIN_MS = 3_600_000;

/** A session, and the provider's session that it is about to refer to. */
type IndexedSession = Pick<NewSession, 'id' | 'identityProvider' | 'absoluteTimeoutMs'>;

/**
 * Adds a session to the index of its provider's session, `<prefix>:idp:{<digest>}`, a hash of session ids. The entry is
 * written before the session, so the index has every such session and perhaps others. The session's own record decides.
 * Index and sessions are in different slots, so nothing is atomic across them.
 */
export async function indexProviderSession(
  { backend, keys }: SessionHashes,
  { id, identityProvider, absoluteTimeoutMs }: IndexedSession,
  deadlineAtMs: number,
): Promise<void> {
  if (!identityProvider || identityProvider.sessionId === null) return;
  const key = keys.ofProviderSession(identityProvider.issuer, identityProvider.sessionId);
  const lifeMs = Math.ceil(absoluteTimeoutMs + (deadlineAtMs - performance.now()) + MARGIN_MS);
  await backend.runScript('indexProviderSession', key, [id, String(lifeMs)]);
}

/**
 * Ends every session whose record names the provider's session at the moment it ends. Other entries stay: an entry
 * without a session may belong to a creation in progress.
 */
export async function revokeByIdentityProvider(
  hashes: SessionHashes,
  revocation: ProviderRevocation,
  deadlineAtMs: number,
): Promise<EndedSession[]> {
  const { backend, keys } = hashes;
  const key = keys.ofProviderSession(revocation.issuer, revocation.sessionId);
  const ids = await backend.listFields(key);
  const outcomes = await Promise.all(ids.map((id) => endOne(hashes, { ...revocation, id }, deadlineAtMs)));
  const ended = outcomes.filter((one) => one !== undefined);
  const endedIds = ended.map(({ id }) => id);
  // A leftover entry costs the next revocation one read. Failing to remove it does not fail this one.
  if (ended.length > 0) await backend.removeFields(key, endedIds).catch(() => undefined);
  return ended;
}

async function endOne(
  hashes: SessionHashes,
  { id, issuer, sessionId, ...cause }: ProviderRevocation & { readonly id: string },
  deadlineAtMs: number,
): Promise<EndedSession | undefined> {
  const revocation = { id, ...cause };
  for (;;) {
    // A session found after the caller has given up may have begun since.
    if (performance.now() >= deadlineAtMs) throw unavailable('the revocation took too long');
    const [value = null, activity = null] = (await hashes.readFields(id)) ?? ['', null];
    if (value === null) return undefined;
    const record = decodeRecord(id, value, activity);
    if (!record) {
      hashes.logger.warn(`a revocation by identity provider drops session ${id}, which cannot be decoded`);
      return revokeSession(hashes, revocation);
    }
    const { identityProvider: idp } = record;
    if (idp?.issuer !== issuer || idp.sessionId !== sessionId) return undefined;
    const ended = await revokeUnchangedSession(hashes, revocation, authenticationLineOf(value));
    // The user reauthenticated in between: read the record again.
    if (ended !== 'changed') return ended;
  }
}
