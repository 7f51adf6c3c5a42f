import type * as Port from '../../../core/ports/hot-sessions.js';
import type { SessionDataChange, SessionTouch, UpdateOutcome } from '../../../core/ports/session-store.js';
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { LiveSession } from '../../../core/session/session-record.js';
import { Lifecycle } from '../../../core/support/lifecycle.js';
import { DeadlineGate } from '../connection/deadline-gate.js';
import { unavailable } from '../connection/redis-errors.js';
import { touchSession } from '../operations/touch.js';
import { updateSession } from '../operations/update.js';
import { RedisSignals } from '../signals/redis-signals.js';
import type { RedisSessionStoreSettings } from '../store/redis-session.store.js';
import { connectHot, type HotConnection } from './hot-connection.js';
import { listCopiesOfUser, scanCopies, type CopyPage } from './hot-copies.js';
import { endCopies } from './hot-end.js';
import { leaseCopy } from './hot-lease.js';
import { promoteCopy } from './hot-promote.js';
import { dropCopies, unconfirmCopies, unconfirmCopiesOfUser } from './hot-unconfirm.js';

/**
 * Hot copies in Redis, in the plain store's layout: one hash per user reference. Each copy has `<id>` and `<id>:t` as
 * there, `<id>:g` (the generation that confirmed it) and `<id>:l` (the lease of the caller about to confirm it). Beside
 * them is one hash `<prefix>:revocations`.
 *
 * - `read` is one `HMGET`, compared with the known generation of the server; in a Cluster one script.
 * - `lease`, `promote`, `update` and `touch` are one script on one key. `unconfirm` and `drop` are one `HDEL` for some
 *   hundred copies of a user.
 * - When Redis is unreachable at boot, `start` rejects. Later calls reject and connect in the background.
 */
export class RedisHotSessions implements Port.HotSessions {
  readonly name = 'redis';
  readonly signals: RedisSignals;
  private readonly gate: DeadlineGate;
  private readonly lifecycle: Lifecycle<HotConnection>;
  private epoch = 0;
  /** Every instance applies this epoch or a later one. */
  private settledEpoch = 0;

  constructor(private readonly settings: RedisSessionStoreSettings) {
    this.gate = new DeadlineGate(settings.operationTimeoutMs);
    this.signals = new RedisSignals(settings);
    this.lifecycle = new Lifecycle({
      open: () => this.open(),
      close: (connection) => this.close(connection),
      unavailable,
    });
  }

  /**
   * @throws {SessionConfigurationError} Wrong credentials, missing permissions, or a server older than 6.2.
   * @throws {SessionStoreUnavailableError} No answer, or it was stopped. After no answer, the next call connects again.
   */
  start(): Promise<void> {
    return this.lifecycle.start();
  }

  read(id: string): Promise<Port.HotRead> {
    return this.run(({ reader }) => reader.read(id));
  }

  lease(id: string): Promise<Port.HotLease> {
    return this.run(async ({ hashes, noticeGeneration }) => {
      const lease = await leaseCopy(hashes, id);
      noticeGeneration(lease.generation);
      return lease;
    });
  }

  promote(promotion: Port.HotPromotion): Promise<LiveSession | undefined> {
    return this.run(({ hashes }) => promoteCopy(hashes, promotion));
  }

  unconfirm(ids: readonly string[]): Promise<void> {
    return this.run(({ hashes }) => unconfirmCopies(hashes, ids));
  }

  unconfirmUser(userId: string): Promise<void> {
    return this.run(({ hashes }) => unconfirmCopiesOfUser(hashes, userId));
  }

  /** Resolves after about 1.3 s: other instances rely on the old epoch for up to a second. */
  async advanceEpoch(epoch: number): Promise<void> {
    if (epoch <= this.settledEpoch) return;
    this.epoch = Math.max(this.epoch, epoch);
    const raised = await this.run(({ backend }, deadlineAtMs) => backend.raiseCutoff({ epoch }, deadlineAtMs));
    const { gate, lifecycle } = this;
    await this.use().backend.cutoff.outwait(raised, { gate, signal: lifecycle.stopped });
    this.settledEpoch = Math.max(this.settledEpoch, epoch);
  }

  followEpoch(epoch: number): Promise<void> {
    this.epoch = Math.max(this.epoch, epoch);
    return this.run(({ backend }) => backend.cutoff.follow(epoch));
  }

  drop(ids: readonly string[]): Promise<void> {
    return this.run(({ hashes }) => dropCopies(hashes, ids));
  }

  update(change: SessionDataChange): Promise<UpdateOutcome> {
    return this.run(({ hashes }, deadlineAtMs) => updateSession(hashes, change, deadlineAtMs));
  }

  touch(touch: SessionTouch): Promise<boolean> {
    return this.run(({ hashes }, deadlineAtMs) => touchSession(hashes, touch, deadlineAtMs));
  }

  scanCopies(page: CopyPage): Promise<Port.HotCopyPage> {
    return this.run(({ hashes }) => scanCopies(hashes, page));
  }

  listCopiesOfUser(userId: string): Promise<readonly Port.HotCopy[]> {
    return this.run(({ hashes }) => listCopiesOfUser(hashes, userId));
  }

  async keepRevocation(revocation: Port.AnyRevocation): Promise<void> {
    await this.run(({ revocations }, deadlineAtMs) => revocations.keep(revocation, deadlineAtMs));
    await this.run(({ hashes }, deadlineAtMs) => endCopies(hashes, revocation, deadlineAtMs));
  }

  listKeptRevocations(limit: number): Promise<readonly Port.KeptRevocation[]> {
    return this.run(({ revocations }) => revocations.list(limit));
  }

  forgetRevocations(keys: readonly string[]): Promise<void> {
    return this.run(({ revocations }) => revocations.forget(keys));
  }

  /** Waits for running operations, then closes the client if the store opened it. Idempotent. */
  stop(): Promise<void> {
    return this.lifecycle.stop();
  }

  private run<T>(operation: (connection: HotConnection, deadlineAtMs: number) => Promise<T>): Promise<T> {
    return this.gate.run((deadlineAtMs) => operation(this.use(), deadlineAtMs));
  }

  private use(): HotConnection {
    if (!this.lifecycle.isOpen) this.connectInBackground();
    return this.lifecycle.use('there is no connection yet');
  }

  private connectInBackground(): void {
    this.lifecycle.start().catch((error: unknown) => {
      if (!isUnavailable(error)) this.settings.logger.error(`Redis cannot be used: ${String(error)}`);
    });
  }

  private async open(): Promise<HotConnection> {
    const connection = await connectHot(this.settings);
    connection.backend.cutoff.observe(this.epoch);
    this.signals.start(connection.backend);
    return connection;
  }

  private async close(connection: HotConnection | undefined): Promise<void> {
    await this.gate.idle();
    await this.signals.stop();
    connection?.close();
  }
}
