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
 * A session ready for `SessionStore.create`: anonymous, empty, 30 minutes idle, 12 hours absolute, with a fresh id and
 * token hash, unless said otherwise.
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

/** A password, checked by the application itself, unless said otherwise. */
export function anAuthentication(overrides: Partial<SessionAuthentication> = {}): SessionAuthentication {
  return { amr: ['pwd'], assuranceLevel: 'aal1', awaitsSecondFactor: false, identityProvider: null, ...overrides };
}

/** 32 random bytes, as the hash of a token nobody holds. */
export function aTokenHash(): Uint8Array {
  return new Uint8Array(randomBytes(32));
}

/** A fresh session id that carries the user reference of another id, as if two users' references were the same. */
export function anIdLike(otherId: string): string {
  const reference = userReferenceOf(otherId);
  return `${createSessionId(null, nextIdMs()).slice(0, 19)}${reference.slice(0, 4)}-${reference.slice(4)}`;
}
