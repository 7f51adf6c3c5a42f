import { randomBytes } from 'node:crypto';
import { createSessionId, userReferenceOf } from '../../core/session/session-id.js';
import type { SessionAuthentication } from '../../core/session/session-record.js';
import type { NewSession } from '../../core/ports/session-store.js';

let lastIdMs = 0;

/** Another ms for each id, so that ids of one user never collide. */
function nextIdMs(): number {
  lastIdMs = Math.max(Date.now(), lastIdMs + 1);
  return lastIdMs;
}

/**
 * Returns a session for `SessionStore.create`: by default anonymous, empty, with an idle timeout of 30 minutes, an absolute
 * timeout of 12 hours, a new id and a new token hash.
 *
 * @example
 * await store.create(aNewSession({ userId: 'ada', data: { theme: 'dark' } }));
 */
export function aNewSession(overrides: Partial<NewSession> = {}): NewSession {
  const userId = overrides.userId ?? null;
  return {
    id: createSessionId(userId, nextIdMs()),
    userId,
    tokenHash: aTokenHash(),
    data: {},
    ...anAuthentication(userId === null ? { amr: [], assuranceLevel: null } : {}),
    ipAddress: '203.0.113.7',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    device: null,
    idleTimeoutMs: 30 * 60_000,
    absoluteTimeoutMs: 12 * 3_600_000,
    ...overrides,
  };
}

/** Returns an authentication: by default a password that the application checked. */
export function anAuthentication(overrides: Partial<SessionAuthentication> = {}): SessionAuthentication {
  return { amr: ['pwd'], assuranceLevel: 'aal1', awaitsSecondFactor: false, identityProvider: null, ...overrides };
}

/** Returns 32 random bytes: the hash of a token that no client holds. */
export function aTokenHash(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

/** Returns a new session id with the user reference of another id, as if the references of two users were equal. */
export function anIdLike(otherId: string): string {
  const reference = userReferenceOf(otherId);
  return `${createSessionId(null, nextIdMs()).slice(0, 19)}${reference.slice(0, 4)}-${reference.slice(4)}`;
}
