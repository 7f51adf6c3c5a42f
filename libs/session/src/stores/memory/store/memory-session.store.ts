import type { SessionSignals } from '../../../core/ports/session-signals.js';
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
import { SessionStoreUnavailableError } from '../../../core/session/session-errors.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import { cleanUp } from '../operations/clean-up.js';
import { createSession } from '../operations/create.js';
import { revokeAllSessions, revokeByIdentityProvider, revokeEverything, revokeSession } from '../operations/end.js';
import { findSession } from '../operations/find.js';
import { listSessions } from '../operations/list.js';
import { rotateSession } from '../operations/rotate.js';
import { touchSession } from '../operations/touch.js';
import { updateSession } from '../operations/update.js';
import { SessionMap } from '../records/session-map.js';
import { MemorySignals } from '../signals/memory-signals.js';

export interface MemorySessionStoreSettings {
  /** Maximum number of sessions held, including expired ones that no cleanup has removed yet. */
  readonly maxSessions: number;
  /** The store's only clock. */
  readonly now: () => Date;
}

/**
 * Sessions in this process, for tests and first steps. They are lost with the process and unknown to other instances.
 *
 * Each method is one function in `operations/` over one map. These functions are synchronous, so nothing runs between
 * their first read and their last write: that makes every method atomic. A store over a network needs a transaction, a
 * script or a compare-and-set in the same place.
 */
export class MemorySessionStore implements SessionStore {
  readonly name = 'memory';
  readonly signals: SessionSignals = new MemorySignals();
  private readonly sessions: SessionMap;
  private stopped = false;

  constructor(private readonly settings: MemorySessionStoreSettings) {
    this.sessions = new SessionMap(settings.now);
  }

  /** Number of sessions held. */
  get size(): number {
    return this.sessions.size;
  }

  async start(): Promise<void> {
    this.open();
  }

  async create(session: NewSession): Promise<CreateOutcome> {
    return createSession(this.open(), session, this.settings.maxSessions);
  }

  async find(id: string): Promise<FindOutcome> {
    return findSession(this.open(), id);
  }

  async touch(touch: SessionTouch): Promise<boolean> {
    return touchSession(this.open(), touch);
  }

  async update(change: SessionDataChange): Promise<UpdateOutcome> {
    return updateSession(this.open(), change);
  }

  async rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    return rotateSession(this.open(), rotation);
  }

  async revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    return revokeSession(this.open(), revocation);
  }

  async revokeAll(revocation: UserRevocation): Promise<EndedSession[]> {
    return revokeAllSessions(this.open(), revocation);
  }

  async revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    return revokeByIdentityProvider(this.open(), revocation);
  }

  async revokeEverything(revocation: TotalRevocation): Promise<EndedEverything> {
    return revokeEverything(this.open(), revocation);
  }

  async listByUser(query: SessionListQuery): Promise<SessionList> {
    return listSessions(this.open(), query);
  }

  async cleanUp(step: CleanUpStep): Promise<CleanUpOutcome> {
    return cleanUp(this.open(), step);
  }

  /** Does nothing: every write is made at once. */
  async flush(): Promise<void> {}

  async stop(): Promise<void> {
    this.stopped = true;
  }

  /** @throws {SessionStoreUnavailableError} The store has stopped. */
  private open(): SessionMap {
    if (this.stopped) throw new SessionStoreUnavailableError(this.name, 'it was stopped');
    return this.sessions;
  }
}
