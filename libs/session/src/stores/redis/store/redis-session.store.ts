import { setTimeout as wait } from 'node:timers/promises';
import { userReferenceOf } from '../../../core/session/session-id.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import type {
  CleanUpOutcome,
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
import { connectBackend, type BackendSettings } from '../connection/connect-backend.js';
import { DeadlineGate, type GatedWork } from '../connection/deadline-gate.js';
import { ProviderSessions } from '../operations/provider-sessions.js';
import type { RedisBackend } from '../connection/redis-backend.js';
import { unavailable } from '../connection/redis-errors.js';
import { RedisSignals } from '../signals/redis-signals.js';
import { SessionHash } from '../operations/session-hash.js';
import { SessionKeys } from '../schema/session-keys.js';

export interface RedisSessionStoreSettings extends BackendSettings {
  readonly operationTimeoutMs: number;
}

/** Attempts to find out about a creation with a lost answer, each after twice the pause of the one before. */
const MAX_DISCARDS = 6;

/**
 * Sessions in Redis: one hash per user reference, `<prefix>:{<reference>}`, with two fields per session, `<id>` (record)
 * and `<id>:t` (activity), laid out at the head of `scripts/include/session-hash.lua`. The key expires with the last
 * session inside it.
 *
 * - `find` is one `HMGET`, compared with the server's time; nothing is written.
 * - Beside them are indexes by the identity provider's session (`provider-sessions.ts`), for `revokeByIdentityProvider`.
 * - Everything else is one script on that one key, which reads the server's time itself, so it is atomic directly, by
 *   Sentinel and in Cluster alike. Only `create` inserts fields; nothing else can bring a session back.
 * - Every operation fails after `operationTimeoutMs`, and at once when the client is not connected.
 */
export class RedisSessionStore implements SessionStore {
  readonly name = 'redis';
  readonly signals: RedisSignals;
  private readonly gate: DeadlineGate;
  private backend: RedisBackend | undefined;
  private sessions: SessionHash | undefined;
  private byProvider: ProviderSessions;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  private readonly stopped = new AbortController();

  constructor(private readonly settings: RedisSessionStoreSettings) {
    this.gate = new DeadlineGate(settings.operationTimeoutMs);
    this.signals = new RedisSignals(settings);
  }

  /**
   * @throws {SessionConfigurationError} Wrong credentials, missing permissions, or a server older than 6.2.
   * @throws {SessionStoreUnavailableError} Nobody answered at boot.
   */
  async start(): Promise<void> {
    if (this.stopping) throw unavailable('it was stopped');
    this.starting ??= this.open();
    await this.starting;
  }

  async create(session: NewSession): Promise<CreateOutcome> {
    const sessions = this.use();
    const { id, replaces } = session;
    if (replaces === undefined || userReferenceOf(replaces) === userReferenceOf(id)) {
      return this.insert(sessions, session);
    }
    return this.gate.hold(async () => {
      const outcome = await this.insert(sessions, { ...session, replaces: undefined });
      if (!outcome.created) return outcome;
      try {
        const replaced = await this.gate.run(() => sessions.end({ id: replaces, reason: 'replaced', endedBy: null }));
        return replaced ? { ...outcome, ended: [...outcome.ended, replaced] } : outcome;
      } catch (error) {
        await this.discard(sessions, id);
        this.discardOnceBack(sessions, id).catch(() => undefined);
        throw error;
      }
    });
  }

  find(id: string): Promise<FindOutcome> {
    return this.run((sessions) => sessions.find(id));
  }

  touch(touch: SessionTouch): Promise<boolean> {
    return this.run((sessions, deadlineAtMs) => sessions.touch(touch, deadlineAtMs));
  }

  update(change: SessionDataChange): Promise<UpdateOutcome> {
    return this.run((sessions, deadlineAtMs) => sessions.update(change, deadlineAtMs));
  }

  rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    return this.run(async (sessions, deadlineAtMs) => {
      const { id, authentication } = rotation;
      if (authentication) await this.byProvider.announce(id, authentication, this.gate.timeoutMs);
      return sessions.rotate(rotation, deadlineAtMs);
    });
  }

  revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    return this.run((sessions) => sessions.end(revocation));
  }

  revokeAll(revocation: UserRevocation): Promise<EndedSession[]> {
    return this.run((sessions, deadlineAtMs) => sessions.endAll(revocation, deadlineAtMs));
  }

  revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    return this.run((_sessions, deadlineAtMs) => this.byProvider.end(revocation, deadlineAtMs));
  }

  /** Takes about 1.3 s: others go by the floor that they know for up to a second. */
  async revokeEverything({ before, reason, endedBy }: TotalRevocation): Promise<EndedEverything> {
    this.use();
    const { backend, gate, stopped } = this;
    if (!backend) throw unavailable('it was not started');
    const floor = { instantMs: before && Math.ceil(before.getTime()) };
    const raised = await gate.run((deadlineAtMs) => backend.raiseFloor(floor, deadlineAtMs));
    await backend.floor.outwait(raised, { gate, signal: stopped.signal });
    return { before: new Date(raised.value), endReason: reason, endedBy };
  }

  listByUser(query: SessionListQuery): Promise<SessionList> {
    return this.run((sessions) => sessions.list(query));
  }

  /** Nothing to do: keys expire by themselves, and fields are dropped when their user comes back. */
  async cleanUp(): Promise<CleanUpOutcome> {
    this.use();
    return { expired: 0, purged: 0, auditPurged: 0, state: 'done' };
  }

  /** Nothing is gathered. */
  async flush(): Promise<void> {}

  /** Waits for what is under way, then closes the client if the store opened it. */
  stop(): Promise<void> {
    this.stopped.abort();
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async insert(sessions: SessionHash, session: NewSession): Promise<CreateOutcome> {
    try {
      return await this.gate.run(
        async (deadlineAtMs) => {
          await this.byProvider.announce(session.id, session, this.gate.timeoutMs);
          return sessions.insert(session, deadlineAtMs);
        },
        (outcome) => outcome.created && void this.discard(sessions, session.id),
      );
    } catch (error) {
      this.discardOnceBack(sessions, session.id).catch(() => undefined);
      throw error;
    }
  }

  /**
   * A creation whose answer was lost with its connection may have applied until its deadline, and not after it: one
   * answer from then on settles the matter.
   */
  private async discardOnceBack(sessions: SessionHash, id: string): Promise<void> {
    const { signal } = this.stopped;
    for (let attempt = 0; attempt < MAX_DISCARDS; attempt++) {
      await wait(this.gate.timeoutMs * 2 ** attempt, undefined, { ref: false, signal });
      const isAnswered = await this.gate
        .run(() => sessions.end({ id, reason: 'revoked', endedBy: null }))
        .then(() => true)
        .catch(() => false);
      if (isAnswered) return;
    }
  }

  /** Drops a session whose token was never handed out. Should that fail, it is of no use to anybody until it expires. */
  private async discard(sessions: SessionHash, id: string): Promise<void> {
    await this.gate.run(() => sessions.end({ id, reason: 'revoked', endedBy: null })).catch(() => undefined);
  }

  private async run<T>(operation: (sessions: SessionHash, deadlineAtMs: number) => Promise<T>): Promise<T> {
    const sessions = this.use();
    const work: GatedWork<T> = (deadlineAtMs) => operation(sessions, deadlineAtMs);
    return this.gate.run(work);
  }

  private use(): SessionHash {
    if (this.stopping) throw unavailable('it was stopped');
    if (!this.sessions) throw unavailable('it was not started');
    return this.sessions;
  }

  private async open(): Promise<void> {
    try {
      this.backend = await connectBackend(this.settings, 'before');
      const { backend, settings } = this;
      const { logger } = settings;
      const keys = new SessionKeys(settings.keyPrefix);
      const sessions = new SessionHash(backend, keys, logger);
      this.byProvider = new ProviderSessions({ backend, keys, sessions, logger });
      this.sessions = sessions;
      this.signals.start(backend);
    } catch (error) {
      this.starting = undefined;
      throw error;
    }
  }

  private async close(): Promise<void> {
    await this.starting?.catch(() => undefined);
    await this.gate.idle();
    await this.signals.stop();
    this.backend?.close();
  }
}
