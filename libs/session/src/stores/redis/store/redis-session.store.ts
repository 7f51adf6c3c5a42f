import type * as Port from '../../../core/ports/session-store.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import { Lifecycle } from '../../../core/support/lifecycle.js';
import { connectBackend, type BackendSettings } from '../connection/connect-backend.js';
import { DeadlineGate } from '../connection/deadline-gate.js';
import { unavailable } from '../connection/redis-errors.js';
import { createSession } from '../operations/create.js';
import { revokeAllSessions, revokeEverything, revokeSession } from '../operations/end.js';
import { findSession } from '../operations/find.js';
import { listSessions } from '../operations/list.js';
import { revokeByIdentityProvider } from '../operations/provider-index.js';
import { rotateSession } from '../operations/rotate.js';
import { SessionHashes, type OperationParts } from '../operations/session-hashes.js';
import { touchSession } from '../operations/touch.js';
import { updateSession } from '../operations/update.js';
import { SessionKeys } from '../schema/session-keys.js';
import { RedisSignals } from '../signals/redis-signals.js';

export interface RedisSessionStoreSettings extends BackendSettings {
  readonly operationTimeoutMs: number;
}

/**
 * Sessions in Redis: one hash per user reference, `<prefix>:{<reference>}`. Each session has two fields, `<id>`
 * (record) and `<id>:t` (activity); their layout is at the head of `schema/session-hash.lua`. The key expires with its
 * last session.
 *
 * - `find` is one `HMGET`, compared with the server's time. It writes nothing.
 * - Every other operation is one script on that one key, which reads the server's time itself. So it is atomic on a
 *   single server, with Sentinel and in a Cluster. Only `create` inserts fields; nothing else can bring a session back.
 * - `revokeByIdentityProvider` reads an index of its own for each session at an identity provider
 *   (`provider-index.ts`).
 * - `revokeEverything` raises the cutoff, one number for all instances.
 * - Every operation fails after `operationTimeoutMs`, and at once when the client is not connected.
 */
export class RedisSessionStore implements Port.SessionStore {
  readonly name = 'redis';
  readonly signals: RedisSignals;
  private readonly gate: DeadlineGate;
  private readonly lifecycle: Lifecycle<SessionHashes>;

  constructor(private readonly settings: RedisSessionStoreSettings) {
    this.gate = new DeadlineGate(settings.operationTimeoutMs);
    this.signals = new RedisSignals(settings);
    this.lifecycle = new Lifecycle({
      open: () => this.open(),
      close: (hashes) => this.close(hashes),
      unavailable,
    });
  }

  /**
   * @throws {SessionConfigurationError} Wrong credentials, missing permissions, or a server older than 6.2.
   * @throws {SessionStoreUnavailableError} No answer at boot, or the store was stopped.
   */
  start(): Promise<void> {
    return this.lifecycle.start();
  }

  async create(session: Port.NewSession): Promise<Port.CreateOutcome> {
    return createSession(this.parts(), session);
  }

  find(id: string): Promise<Port.FindOutcome> {
    return this.run((hashes) => findSession(hashes, id));
  }

  touch(touch: Port.SessionTouch): Promise<boolean> {
    return this.run((hashes, deadlineAtMs) => touchSession(hashes, touch, deadlineAtMs));
  }

  update(change: Port.SessionDataChange): Promise<Port.UpdateOutcome> {
    return this.run((hashes, deadlineAtMs) => updateSession(hashes, change, deadlineAtMs));
  }

  rotate(rotation: Port.SessionRotation): Promise<Port.RotateOutcome> {
    return this.run((hashes, deadlineAtMs) => rotateSession(hashes, rotation, deadlineAtMs));
  }

  revoke(revocation: Port.SessionRevocation): Promise<EndedSession | undefined> {
    return this.run((hashes) => revokeSession(hashes, revocation));
  }

  revokeAll(revocation: Port.UserRevocation): Promise<EndedSession[]> {
    return this.run((hashes, deadlineAtMs) => revokeAllSessions(hashes, revocation, deadlineAtMs));
  }

  revokeByIdentityProvider(revocation: Port.ProviderRevocation): Promise<EndedSession[]> {
    return this.run((hashes, deadlineAtMs) => revokeByIdentityProvider(hashes, revocation, deadlineAtMs));
  }

  async revokeEverything(revocation: Port.TotalRevocation): Promise<EndedEverything> {
    return revokeEverything(this.parts(), revocation);
  }

  listByUser(query: Port.SessionListQuery): Promise<Port.SessionList> {
    return this.run((hashes) => listSessions(hashes, query));
  }

  /** Does nothing: keys expire by themselves, and the next operation on a hash drops its expired fields. */
  async cleanUp(): Promise<Port.CleanUpOutcome> {
    this.lifecycle.use();
    return { expired: 0, purged: 0, auditPurged: 0, state: 'done' };
  }

  /** Does nothing: touches are never gathered. */
  async flush(): Promise<void> {}

  /** Waits for running operations, then closes the client if the store opened it. */
  stop(): Promise<void> {
    return this.lifecycle.stop();
  }

  private run<T>(operation: (hashes: SessionHashes, deadlineAtMs: number) => Promise<T>): Promise<T> {
    return this.gate.run((deadlineAtMs) => operation(this.lifecycle.use(), deadlineAtMs));
  }

  private parts(): OperationParts {
    return { hashes: this.lifecycle.use(), gate: this.gate, signal: this.lifecycle.stopped };
  }

  private async open(): Promise<SessionHashes> {
    const { settings } = this;
    const backend = await connectBackend(settings, 'before');
    this.signals.start(backend);
    return new SessionHashes(backend, new SessionKeys(settings.keyPrefix), settings.logger);
  }

  private async close(hashes: SessionHashes | undefined): Promise<void> {
    await this.gate.idle();
    await this.signals.stop();
    hashes?.backend.close();
  }
}
