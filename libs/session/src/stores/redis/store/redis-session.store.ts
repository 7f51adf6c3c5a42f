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
import type { RedisBackend } from '../connection/redis-backend.js';
import { unavailable } from '../connection/redis-errors.js';
import { RedisSignals } from '../signals/redis-signals.js';
import { createSession } from '../operations/create.js';
import { endSession, endSessionsOfUser } from '../operations/end.js';
import { findSession } from '../operations/find.js';
import { listSessions } from '../operations/list.js';
import { endProviderSessions } from '../operations/provider-index.js';
import { rotateSession } from '../operations/rotate.js';
import { SessionHashes } from '../operations/session-hashes.js';
import { touchSession } from '../operations/touch.js';
import { updateSession } from '../operations/update.js';
import { SessionKeys } from '../schema/session-keys.js';

export interface RedisSessionStoreSettings extends BackendSettings {
  readonly operationTimeoutMs: number;
}

/** Attempts to find out about a creation with a lost answer, each after twice the pause of the one before. */
const MAX_DISCARDS = 6;

/**
 * Sessions in Redis: one hash per user reference, `<prefix>:{<reference>}`, with two fields per session, `<id>` (record)
 * and `<id>:t` (activity), laid out at the head of `schema/session-hash.lua`. The key expires with the last
 * session inside it.
 *
 * - `find` is one `HMGET`, compared with the server's time; nothing is written.
 * - Beside them are indexes by the identity provider's session (`provider-index.ts`), for `revokeByIdentityProvider`.
 * - Everything else is one script on that one key, which reads the server's time itself, so it is atomic directly, by
 *   Sentinel and in Cluster alike. Only `create` inserts fields; nothing else can bring a session back.
 * - Every operation fails after `operationTimeoutMs`, and at once when the client is not connected.
 */
export class RedisSessionStore implements SessionStore {
  readonly name = 'redis';
  readonly signals: RedisSignals;
  private readonly gate: DeadlineGate;
  private backend: RedisBackend | undefined;
  private hashes: SessionHashes | undefined;
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
    const hashes = this.use();
    const { id, replaces } = session;
    if (replaces === undefined || userReferenceOf(replaces) === userReferenceOf(id)) {
      return this.insert(hashes, session);
    }
    return this.gate.hold(async () => {
      const outcome = await this.insert(hashes, { ...session, replaces: undefined });
      if (!outcome.created) return outcome;
      try {
        const replaced = await this.gate.run(() =>
          endSession(hashes, { id: replaces, reason: 'replaced', endedBy: null }),
        );
        return replaced ? { ...outcome, ended: [...outcome.ended, replaced] } : outcome;
      } catch (error) {
        await this.discard(hashes, id);
        this.discardOnceBack(hashes, id).catch(() => undefined);
        throw error;
      }
    });
  }

  find(id: string): Promise<FindOutcome> {
    return this.run((hashes) => findSession(hashes, id));
  }

  touch(touch: SessionTouch): Promise<boolean> {
    return this.run((hashes, deadlineAtMs) => touchSession(hashes, touch, deadlineAtMs));
  }

  update(change: SessionDataChange): Promise<UpdateOutcome> {
    return this.run((hashes, deadlineAtMs) => updateSession(hashes, change, deadlineAtMs));
  }

  rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    return this.run((hashes, deadlineAtMs) => rotateSession(hashes, rotation, deadlineAtMs));
  }

  revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    return this.run((hashes) => endSession(hashes, revocation));
  }

  revokeAll(revocation: UserRevocation): Promise<EndedSession[]> {
    return this.run((hashes, deadlineAtMs) => endSessionsOfUser(hashes, revocation, deadlineAtMs));
  }

  revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    return this.run((hashes, deadlineAtMs) => endProviderSessions(hashes, revocation, deadlineAtMs));
  }

  /** Takes about 1.3 s: others go by the cutoff that they know for up to a second. */
  async revokeEverything({ before, reason, endedBy }: TotalRevocation): Promise<EndedEverything> {
    this.use();
    const { backend, gate, stopped } = this;
    if (!backend) throw unavailable('it was not started');
    const cutoff = { instantMs: before && Math.ceil(before.getTime()) };
    const raised = await gate.run((deadlineAtMs) => backend.raiseCutoff(cutoff, deadlineAtMs));
    await backend.cutoff.outwait(raised, { gate, signal: stopped.signal });
    return { before: new Date(raised.value), endReason: reason, endedBy };
  }

  listByUser(query: SessionListQuery): Promise<SessionList> {
    return this.run((hashes) => listSessions(hashes, query));
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

  private async insert(hashes: SessionHashes, session: NewSession): Promise<CreateOutcome> {
    try {
      return await this.gate.run(
        (deadlineAtMs) => createSession(hashes, session, deadlineAtMs),
        (outcome) => outcome.created && void this.discard(hashes, session.id),
      );
    } catch (error) {
      this.discardOnceBack(hashes, session.id).catch(() => undefined);
      throw error;
    }
  }

  /**
   * A creation whose answer was lost with its connection may have applied until its deadline, and not after it: one
   * answer from then on settles the matter.
   */
  private async discardOnceBack(hashes: SessionHashes, id: string): Promise<void> {
    const { signal } = this.stopped;
    for (let attempt = 0; attempt < MAX_DISCARDS; attempt++) {
      await wait(this.gate.timeoutMs * 2 ** attempt, undefined, { ref: false, signal });
      const isAnswered = await this.gate
        .run(() => endSession(hashes, { id, reason: 'revoked', endedBy: null }))
        .then(() => true)
        .catch(() => false);
      if (isAnswered) return;
    }
  }

  /** Drops a session whose token was never handed out. Should that fail, it is of no use to anybody until it expires. */
  private async discard(hashes: SessionHashes, id: string): Promise<void> {
    await this.gate.run(() => endSession(hashes, { id, reason: 'revoked', endedBy: null })).catch(() => undefined);
  }

  private async run<T>(operation: (hashes: SessionHashes, deadlineAtMs: number) => Promise<T>): Promise<T> {
    const hashes = this.use();
    const work: GatedWork<T> = (deadlineAtMs) => operation(hashes, deadlineAtMs);
    return this.gate.run(work);
  }

  private use(): SessionHashes {
    if (this.stopping) throw unavailable('it was stopped');
    if (!this.hashes) throw unavailable('it was not started');
    return this.hashes;
  }

  private async open(): Promise<void> {
    try {
      this.backend = await connectBackend(this.settings, 'before');
      const { backend, settings } = this;
      const { logger } = settings;
      this.hashes = new SessionHashes(backend, new SessionKeys(settings.keyPrefix), logger);
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
