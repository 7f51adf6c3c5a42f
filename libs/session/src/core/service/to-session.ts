import type { SessionData } from '../session/session-data.js';
import type { LiveSession } from '../session/session-record.js';
import { deepFreeze, type Session } from '../session/session.js';
import { decodeTokenState, type TokenState } from '../token/token-state.js';

/** A live session, with the state of its tokens when a check has decoded it already. */
export type SessionSource = LiveSession & { readonly tokenState?: TokenState };

/** Converts a record for applications, without the token hash. `data` stays a getter: a store may refuse the data alone. */
export function toSession({ record, now, tokenState = decodeTokenState(record.tokenHash) }: SessionSource): Session {
  return Object.freeze({
    id: record.id,
    userId: record.userId,
    version: record.version,
    createdAt: record.createdAt,
    lastSeenAt: record.lastSeenAt,
    expiresAt: record.expiresAt,
    absoluteExpiresAt: record.absoluteExpiresAt,
    authenticatedAt: record.authenticatedAt,
    amr: Object.freeze([...record.amr]),
    assuranceLevel: record.assuranceLevel,
    awaitsSecondFactor: record.awaitsSecondFactor,
    awaitsReauthentication: tokenState?.awaitsReauthentication ?? false,
    identityProvider: record.identityProvider && Object.freeze({ ...record.identityProvider }),
    ipAddress: record.ipAddress,
    userAgent: record.userAgent,
    device: record.device,
    checkedAt: now,
    get data() {
      return deepFreeze(record.data) as Readonly<SessionData>;
    },
  });
}
