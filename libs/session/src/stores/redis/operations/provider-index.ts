import type { NewSession, ProviderRevocation } from '../../../core/ports/session-store.js';
import type { EndedSession } from '../../../core/session/session-record.js';
import { unavailable } from '../connection/redis-errors.js';
import { authenticationLineOf, decodeRecord } from '../schema/record-format.js';
import { revokeSession, revokeUnchangedSession } from './end.js';
import type { SessionHashes } from './session-hashes.js';

/**
 * By how much an entry outlives the longest life of its session. The session begins a little later than its entry, and in
 * a Cluster by another server's clock.
 */
const MARGIN_MS = 3_600_000;

/** A session, and the provider's session that it is about to get. */
type IndexedSession = Pick<NewSession, 'id' | 'identityProvider' | 'absoluteTimeoutMs'>;

/**
 * Announces that a session may get this provider's session from now on and keep it for so long, in an index
 * `<prefix>:idp:{<digest>}` of session ids. It is written before, so that it holds every such session and perhaps others.
 * What counts is what the session's own record says. The index is in another slot than the sessions, so nothing is atomic
 * across them.
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
 * Ends each session whose record carries the provider's session at the moment when it ends. Entries of others stay:
 * one without a session may belong to a creation that is on its way.
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
  // An entry that is left only has to be looked at again: no reason to say that the revocation failed.
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
    // What is found after the caller has given up may have begun after that.
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
    // The user proved again who they are in between: what the record says now has to be looked at.
    if (ended !== 'changed') return ended;
  }
}
