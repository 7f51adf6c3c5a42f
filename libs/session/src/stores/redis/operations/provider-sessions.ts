import type { EndedSession, IdentityProviderSession } from '../../../core/session/session-record.js';
import type { ProviderRevocation } from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { authenticationLineOf, decodeRecord } from '../schema/record-format.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { unavailable } from '../connection/redis-errors.js';
import type { SessionHash } from './session-hash.js';
import type { SessionKeys } from '../schema/session-keys.js';

/**
 * By how much an entry outlives the longest life of its session. The session begins a little later than its entry, and in
 * a Cluster by another server's clock.
 */
const MARGIN_MS = 3_600_000;

export interface ProviderSessionsParts {
  readonly backend: RedisBackend;
  readonly keys: SessionKeys;
  readonly sessions: SessionHash;
  readonly logger: SessionLogger;
}

/**
 * Which sessions rest on a session at an identity provider: an index `<prefix>:idp:{<digest>}` of session ids, written
 * before a session gets its provider's session, so that it holds every such session and perhaps others. What counts is
 * what the session's own record says. It is in another slot than the sessions, so nothing is atomic across them.
 */
export class ProviderSessions {
  constructor(private readonly parts: ProviderSessionsParts) {}

  /** Announces that a session may get this provider's session from now on and keep it for so long. */
  async announce(
    id: string,
    { identityProvider, absoluteTimeoutMs }: ProvidedSession,
    operationTimeoutMs: number,
  ): Promise<void> {
    if (!identityProvider || identityProvider.sessionId === null) return;
    const { backend, keys } = this.parts;
    const key = keys.ofProviderSession(identityProvider.issuer, identityProvider.sessionId);
    const lifeMs = Math.ceil(absoluteTimeoutMs + operationTimeoutMs + MARGIN_MS);
    await backend.runScript('indexProviderSession', key, [id, String(lifeMs)]);
  }

  /**
   * Ends each session whose record carries the provider's session at the moment when it ends. Entries of others stay:
   * one without a session may belong to a creation that is on its way.
   */
  async end(revocation: ProviderRevocation, deadlineAtMs: number): Promise<EndedSession[]> {
    const { backend, keys } = this.parts;
    const key = keys.ofProviderSession(revocation.issuer, revocation.sessionId);
    const ids = await backend.listFields(key);
    const outcomes = await Promise.all(ids.map((id) => this.endOne(id, revocation, deadlineAtMs)));
    const ended = outcomes.filter((one) => one !== undefined);
    const endedIds = ended.map(({ id }) => id);
    // An entry that is left only has to be looked at again: no reason to say that the revocation failed.
    if (ended.length > 0) await backend.removeFields(key, endedIds).catch(() => undefined);
    return ended;
  }

  private async endOne(
    id: string,
    revocation: ProviderRevocation,
    deadlineAtMs: number,
  ): Promise<EndedSession | undefined> {
    const { sessions, logger } = this.parts;
    const { userId, reason, endedBy } = revocation;
    for (;;) {
      // What is found after the caller has given up may have begun after that.
      if (performance.now() >= deadlineAtMs) throw unavailable('the revocation took too long');
      const [value = null, activity = null] = await sessions.readFields(id);
      if (value === null) return undefined;
      const record = decodeRecord(id, value, activity);
      if (!record) {
        logger.warn(`a revocation by identity provider drops session ${id}, which cannot be decoded`);
        return sessions.end({ id, userId, reason, endedBy });
      }
      const { identityProvider: idp } = record;
      if (idp?.issuer !== revocation.issuer || idp.sessionId !== revocation.sessionId) return undefined;
      const ended = await sessions.endIf({ id, userId, reason, endedBy }, authenticationLineOf(value));
      // The user proved again who they are in between: what the record says now has to be looked at.
      if (ended !== 'changed') return ended;
    }
  }
}

export interface ProvidedSession {
  readonly identityProvider: IdentityProviderSession | null;
  readonly absoluteTimeoutMs: number;
}
