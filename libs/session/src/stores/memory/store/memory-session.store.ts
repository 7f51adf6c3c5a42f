import { containsJson, type JsonObject } from '../../../core/session/session-data.js';
import { SessionStoreFullError, SessionStoreUnavailableError } from '../../../core/session/session-errors.js';
import { expiriesFrom, idleExpiryAfter, isTouchDue, isUnexpired } from '../../../core/session/session-policy.js';
import type {
  EndedEverything,
  EndedSession,
  SessionAuthentication,
  SessionEndReason,
  SessionRecord,
} from '../../../core/session/session-record.js';
import type { SessionSignalListener, SessionSignals } from '../../../core/ports/session-signals.js';
import type {
  CleanUpOutcome,
  CleanUpStep,
  CreateOutcome,
  FindOutcome,
  NewSession,
  ProviderRevocation,
  RotateOutcome,
  SessionDataChange,
  SessionList,
  SessionListQuery,
  SessionRevocation,
  SessionRotation,
  SessionStore,
  SessionTouch,
  TotalRevocation,
  UpdateOutcome,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import { byEviction } from '../operations/eviction-order.js';

/** `data` as JSON text, so that nobody shares objects with the store. */
type StoredSession = Omit<SessionRecord, 'data'> & { readonly data: string };

export interface MemorySessionStoreSettings {
  /** The most sessions held, expired ones that nobody asked for since included. */
  readonly maxSessions: number;
  /** The one clock of this store. */
  readonly now: () => Date;
}

/**
 * Sessions in this process, for tests and first steps: gone with the process and unknown to other instances.
 *
 * One map from id to session and one from user to ids. Every method does its work without waiting in between, which
 * makes it atomic.
 */
export class MemorySessionStore implements SessionStore {
  readonly name = 'memory';
  /** Reaches whoever shares this store. */
  readonly signals: SessionSignals = {
    publish: async (ended) => {
      for (const listener of this.listeners) {
        if (ended.length > 0) listener.ended(ended);
        else listener.resumed();
      }
    },
    subscribe: (listener) => {
      this.listeners.add(listener);
      return () => void this.listeners.delete(listener);
    },
  };
  private readonly listeners = new Set<SessionSignalListener>();
  private readonly sessions = new Map<string, StoredSession>();
  private readonly idsByUser = new Map<string, Set<string>>();
  private stopped = false;

  constructor(private readonly settings: MemorySessionStoreSettings) {}

  /** How many sessions are held. */
  get size(): number {
    return this.sessions.size;
  }

  async start(): Promise<void> {
    this.open();
  }

  async create(session: NewSession): Promise<CreateOutcome> {
    const now = this.open();
    if (this.sessions.has(session.id)) return { created: false, reason: 'id-taken' };
    const replaced = session.replaces === undefined ? undefined : this.findStored(session.replaces, now);
    const evicted = this.sessionsOverLimit(session, now);
    if (evicted === 'limit') return { created: false, reason: 'limit' };
    this.makeRoom(now, evicted.length + (replaced ? 1 : 0));
    const ended = [
      ...(replaced ? [this.end(replaced, { reason: 'replaced', endedBy: null }, now)] : []),
      ...evicted.map((one) => this.end(one, { reason: 'evicted', endedBy: null }, now)),
    ];
    const stored: StoredSession = {
      id: session.id,
      userId: session.userId,
      tokenHash: Uint8Array.from(session.tokenHash),
      data: JSON.stringify(session.data),
      version: 1,
      createdAt: now,
      ...expiriesFrom(now, session),
      authenticatedAt: session.userId === null ? null : now,
      ...authenticationOf(session),
      ipAddress: session.ipAddress,
      userAgent: session.userAgent,
      device: session.device,
    };
    this.put(stored);
    return { created: true, record: toRecord(stored), now, ended };
  }

  async find(id: string): Promise<FindOutcome> {
    const now = this.open();
    const stored = this.sessions.get(id);
    if (!stored) return { live: false, reason: 'unknown' };
    if (!isUnexpired(stored, now)) return { live: false, reason: 'expired' };
    return { live: true, record: toRecord(stored), now };
  }

  async touch({ id, idleTimeoutMs, touchIntervalMs }: SessionTouch): Promise<boolean> {
    const now = this.open();
    const stored = this.findStored(id, now);
    if (!stored || !isTouchDue(stored.lastSeenAt, now, touchIntervalMs)) return false;
    const moved = idleExpiryAfter(now, { idleTimeoutMs, absoluteExpiresAt: stored.absoluteExpiresAt });
    this.put({ ...stored, lastSeenAt: now, expiresAt: moved > stored.expiresAt ? moved : stored.expiresAt });
    return true;
  }

  async update({ id, expectedVersion, data }: SessionDataChange): Promise<UpdateOutcome> {
    const now = this.open();
    const stored = this.findStored(id, now);
    if (!stored) return { applied: false, reason: 'absent' };
    if (stored.version !== expectedVersion) {
      return { applied: false, reason: 'conflict', record: toRecord(stored), now };
    }
    const changed = this.put({ ...stored, data: JSON.stringify(data), version: stored.version + 1 });
    return { applied: true, record: toRecord(changed), now };
  }

  async rotate({ id, expectedTokenHash, tokenHash, ...change }: SessionRotation): Promise<RotateOutcome> {
    const { authentication, endOthers } = change;
    const now = this.open();
    const stored = this.findStored(id, now);
    if (!stored) return { applied: false, reason: 'absent' };
    if (Buffer.compare(stored.tokenHash, expectedTokenHash) !== 0) return { applied: false, reason: 'superseded' };
    const rotated = this.put({
      ...stored,
      tokenHash: Uint8Array.from(tokenHash),
      version: stored.version + 1,
      ...(authentication && {
        ...expiriesFrom(now, authentication),
        authenticatedAt: now,
        ...authenticationOf(authentication),
      }),
    });
    const others = endOthers && rotated.userId !== null ? this.liveOf(rotated.userId, now) : [];
    const ended = endOthers
      ? others.filter((other) => other.id !== id).map((other) => this.end(other, endOthers, now))
      : [];
    return { applied: true, record: toRecord(rotated), now, ended };
  }

  async revoke({ id, userId, reason, endedBy }: SessionRevocation): Promise<EndedSession | undefined> {
    const now = this.open();
    const stored = this.findStored(id, now);
    if (!stored || (userId !== undefined && stored.userId !== userId)) return undefined;
    return this.end(stored, { reason, endedBy }, now);
  }

  async revokeAll({ userId, exceptId, reason, endedBy }: UserRevocation): Promise<EndedSession[]> {
    const now = this.open();
    return this.liveOf(userId, now)
      .filter(({ id }) => id !== exceptId)
      .map((stored) => this.end(stored, { reason, endedBy }, now));
  }

  async revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    const now = this.open();
    return [...this.sessions.values()]
      .filter((stored) => isUnexpired(stored, now) && restsOn(stored, revocation))
      .map((stored) => this.end(stored, revocation, now));
  }

  /** Looks at each, as nothing else here is large either. */
  async revokeEverything({ before, reason, endedBy }: TotalRevocation): Promise<EndedEverything> {
    const now = this.open();
    const isAll = before === undefined || before > now;
    for (const stored of this.sessions.values()) {
      if (isAll || stored.createdAt < before) this.remove(stored);
    }
    return { before: isAll ? now : before, endReason: reason, endedBy };
  }

  async listByUser({ userId, dataContains = {} }: SessionListQuery): Promise<SessionList> {
    const now = this.open();
    const records = this.liveOf(userId, now).map(toRecord);
    return { records: records.filter(({ data }) => containsJson(data, dataContains)), now };
  }

  async cleanUp({ batchSize }: CleanUpStep): Promise<CleanUpOutcome> {
    const expired = this.dropExpired(this.open(), batchSize);
    return { expired, purged: expired, auditPurged: 0, state: expired < batchSize ? 'done' : 'more' };
  }

  async flush(): Promise<void> {}

  async stop(): Promise<void> {
    this.stopped = true;
  }

  private open(): Date {
    if (this.stopped) throw new SessionStoreUnavailableError(this.name, 'it was stopped');
    return this.settings.now();
  }

  private findStored(id: string, now: Date): StoredSession | undefined {
    const stored = this.sessions.get(id);
    return stored && isUnexpired(stored, now) ? stored : undefined;
  }

  private liveOf(userId: string, now: Date): StoredSession[] {
    return [...(this.idsByUser.get(userId) ?? [])].flatMap((id) => this.findStored(id, now) ?? []);
  }

  /** The oldest sessions that have to go so that one more fits, or `'limit'` when it may not. */
  private sessionsOverLimit({ userId, limit, replaces }: NewSession, now: Date): StoredSession[] | 'limit' {
    if (!limit || userId === null) return [];
    const live = this.liveOf(userId, now).filter(({ id }) => id !== replaces);
    const excess = live.length + 1 - limit.max;
    if (excess <= 0) return [];
    if (limit.onLimit === 'reject') return 'limit';
    return live.toSorted(byEviction).slice(0, excess);
  }

  private makeRoom(now: Date, leaving: number): void {
    const { maxSessions } = this.settings;
    if (this.sessions.size - leaving < maxSessions) return;
    this.dropExpired(now, Infinity);
    if (this.sessions.size - leaving < maxSessions) return;
    throw new SessionStoreFullError(
      this.name,
      `it holds ${maxSessions} live sessions, all that maxSessions allows: raise it or use a store that is not in memory`,
    );
  }

  private put(stored: StoredSession): StoredSession {
    this.sessions.set(stored.id, stored);
    if (stored.userId !== null) {
      const ids = this.idsByUser.get(stored.userId) ?? new Set();
      this.idsByUser.set(stored.userId, ids.add(stored.id));
    }
    return stored;
  }

  private remove({ id, userId }: StoredSession): void {
    this.sessions.delete(id);
    if (userId === null) return;
    const ids = this.idsByUser.get(userId);
    ids?.delete(id);
    if (ids?.size === 0) this.idsByUser.delete(userId);
  }

  private end(
    stored: StoredSession,
    end: { reason: SessionEndReason; endedBy: string | null },
    now: Date,
  ): EndedSession {
    this.remove(stored);
    return { id: stored.id, userId: stored.userId, endedAt: now, endReason: end.reason, endedBy: end.endedBy };
  }

  private dropExpired(now: Date, most: number): number {
    let dropped = 0;
    for (const stored of this.sessions.values()) {
      if (dropped >= most) break;
      if (isUnexpired(stored, now)) continue;
      this.remove(stored);
      dropped += 1;
    }
    return dropped;
  }
}

function authenticationOf(session: SessionAuthentication): SessionAuthentication {
  const { amr, assuranceLevel, awaitsSecondFactor, identityProvider } = session;
  return structuredClone({ amr, assuranceLevel, awaitsSecondFactor, identityProvider });
}

function restsOn({ identityProvider, userId }: StoredSession, revocation: ProviderRevocation): boolean {
  return (
    identityProvider?.issuer === revocation.issuer &&
    identityProvider.sessionId === revocation.sessionId &&
    (revocation.userId === undefined || revocation.userId === userId)
  );
}

/** Shares nothing with the store: a date that somebody changes must not extend a session. */
function toRecord(stored: StoredSession): SessionRecord {
  return { ...structuredClone(stored), data: JSON.parse(stored.data) as JsonObject };
}
