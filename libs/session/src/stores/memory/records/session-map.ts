import type { JsonObject } from '../../../core/session/session-data.js';
import { isUnexpired } from '../../../core/session/session-policy.js';
import type {
  IdentityProviderSession,
  SessionAuthentication,
  SessionRecord,
} from '../../../core/session/session-record.js';

/** A session as the map holds it, with `data` as JSON text, so that no caller shares an object with the store. */
export type StoredSession = Omit<SessionRecord, 'data'> & { readonly data: string };

/**
 * One map from id to session, one index from user to ids, and the store's only clock.
 *
 * The map knows no rule except expiry. A stored session is never changed, only replaced by `put`.
 */
export class SessionMap {
  private readonly byId = new Map<string, StoredSession>();
  private readonly idsByUser = new Map<string, Set<string>>();

  constructor(readonly now: () => Date) {}

  /** Number of sessions held, including expired ones that no cleanup has removed yet. */
  get size(): number {
    return this.byId.size;
  }

  /** Returns the session whether or not it has expired. */
  find(id: string): StoredSession | undefined {
    return this.byId.get(id);
  }

  findLive(id: string, now: Date): StoredSession | undefined {
    const session = this.byId.get(id);
    return session && isUnexpired(session, now) ? session : undefined;
  }

  /** Lists every session, expired ones included. The sessions it has not reached yet may be removed meanwhile. */
  list(): Iterable<StoredSession> {
    return this.byId.values();
  }

  listLiveOfUser(userId: string, now: Date): StoredSession[] {
    const ids = this.idsByUser.get(userId) ?? [];
    return [...ids].flatMap((id) => this.findLive(id, now) ?? []);
  }

  /** Adds a session, or replaces the one with the same id, which belongs to the same user. */
  put(session: StoredSession): StoredSession {
    this.byId.set(session.id, session);
    if (session.userId !== null) {
      const ids = this.idsByUser.get(session.userId) ?? new Set();
      this.idsByUser.set(session.userId, ids.add(session.id));
    }
    return session;
  }

  remove({ id, userId }: StoredSession): void {
    this.byId.delete(id);
    if (userId === null) return;
    const ids = this.idsByUser.get(userId);
    ids?.delete(id);
    if (ids?.size === 0) this.idsByUser.delete(userId);
  }
}

/** Copies a session for the caller. A date that the caller changes must not extend the stored session. */
export function toRecord(session: StoredSession): SessionRecord {
  return {
    id: session.id,
    userId: session.userId,
    tokenHash: new Uint8Array(session.tokenHash),
    data: JSON.parse(session.data) as JsonObject,
    version: session.version,
    createdAt: new Date(session.createdAt),
    lastSeenAt: new Date(session.lastSeenAt),
    expiresAt: new Date(session.expiresAt),
    absoluteExpiresAt: new Date(session.absoluteExpiresAt),
    authenticatedAt: copyDate(session.authenticatedAt),
    amr: [...session.amr],
    assuranceLevel: session.assuranceLevel,
    awaitsSecondFactor: session.awaitsSecondFactor,
    identityProvider: copyProvider(session.identityProvider),
    ipAddress: session.ipAddress,
    userAgent: session.userAgent,
    device: session.device,
  };
}

/** Copies what is known of the sign-in out of a larger object. */
export function copyAuthentication(session: SessionAuthentication): SessionAuthentication {
  return {
    amr: [...session.amr],
    assuranceLevel: session.assuranceLevel,
    awaitsSecondFactor: session.awaitsSecondFactor,
    identityProvider: copyProvider(session.identityProvider),
  };
}

function copyProvider(provider: IdentityProviderSession | null): IdentityProviderSession | null {
  return provider && { ...provider, authenticatedAt: copyDate(provider.authenticatedAt) };
}

function copyDate(date: Date | null): Date | null {
  return date && new Date(date);
}
