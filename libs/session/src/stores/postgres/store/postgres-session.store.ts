import { isSessionId } from '../../../core/session/session-id.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import type {
  CleanUpOutcome,
  CleanUpStep,
  CreateOutcome,
  FindOutcome,
  NewSession,
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
} from '../../../core/ports/session-store.js';
import { Lifecycle } from '../../../core/support/lifecycle.js';
import { runOperation } from '../connection/operation.js';
import { unavailable } from '../connection/postgres-errors.js';
import type { AgedProviderRevocation, AgedUserRevocation } from '../operations/end.js';
import { openParts, type PostgresParts, type PostgresSettings } from './postgres-parts.js';
import { PostgresSignals } from '../signals/postgres-signals.js';
import { assertUserIdOfType } from '../schema/user-id-type.js';

/**
 * Keeps sessions in tables of Postgres, by named statements on the pool of a DataSource.
 *
 * - find: a select by primary key; all lookups of one turn of the event loop share a statement.
 * - create, rotate, revoke, revokeAll, revokeByIdentityProvider: one statement each, which writes the audit rows too.
 *   With a limit, create is a transaction that holds the user's advisory lock.
 * - update: one conditional statement. touch: gathered, one statement for up to 1000 sessions.
 * - cleanUp: one short transaction that skips locked rows.
 */
export class PostgresSessionStore implements SessionStore {
  readonly name = 'postgres';
  readonly signals: PostgresSignals;
  private readonly lifecycle: Lifecycle<PostgresParts>;

  constructor(protected readonly settings: PostgresSettings) {
    this.signals = new PostgresSignals(settings);
    this.lifecycle = new Lifecycle({
      open: () => this.openAndSignal(),
      close: (parts) => this.close(parts),
      unavailable,
    });
  }

  /**
   * Opens the store. Calls at the same time share one attempt; a failed attempt may be repeated.
   *
   * @throws {SessionConfigurationError} The tables or the login are not as they must be.
   * @throws {SessionStoreUnavailableError} No answer, or the store was stopped.
   */
  start(): Promise<void> {
    return this.lifecycle.start();
  }

  async create(session: NewSession): Promise<CreateOutcome> {
    const { creator, undelivered, userIdType } = this.open();
    if (session.userId !== null) assertUserIdOfType(session.userId, userIdType);
    return runOperation(
      {
        timeoutMs: this.settings.operationTimeoutMs,
        onLate: (late) => undelivered.settle(session.id, late),
      },
      (operation) =>
        creator.create(session, operation).catch((error: unknown) => {
          if (!operation.isOver) undelivered.settle(session.id, { error });
          throw error;
        }),
    );
  }

  async find(id: string): Promise<FindOutcome> {
    const { finder, expiring } = this.open();
    if (!isSessionId(id)) return { live: false, reason: 'unknown' };
    const found = await finder.find(id);
    if (found.live) expiring.observe(found);
    return found;
  }

  async touch(touch: SessionTouch): Promise<boolean> {
    const { touches, expiring } = this.open();
    if (!isSessionId(touch.id)) return false;
    const isShort = touch.idleTimeoutMs <= 2 * this.settings.touchFlushIntervalMs;
    return touches.add(touch, { isUrgent: expiring.take(touch.id) || isShort });
  }

  async update(change: SessionDataChange): Promise<UpdateOutcome> {
    return this.open().updater.update(change);
  }

  async rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    return this.open().rotator.rotate(rotation);
  }

  async revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    const { ender, userIdType } = this.open();
    if (revocation.userId !== undefined) assertUserIdOfType(revocation.userId, userIdType);
    return ender.revoke(revocation);
  }

  async revokeAll(revocation: AgedUserRevocation): Promise<EndedSession[]> {
    const { ender, userIdType } = this.open();
    assertUserIdOfType(revocation.userId, userIdType);
    return ender.revokeAll(revocation);
  }

  async revokeByIdentityProvider(revocation: AgedProviderRevocation): Promise<EndedSession[]> {
    const { ender, userIdType } = this.open();
    if (revocation.userId !== undefined) assertUserIdOfType(revocation.userId, userIdType);
    return ender.revokeByIdentityProvider(revocation);
  }

  async revokeEverything(revocation: TotalRevocation): Promise<EndedEverything> {
    const { before, endReason, endedBy } = await this.open().ender.revokeEverything(revocation);
    return { before, endReason, endedBy };
  }

  async listByUser(query: SessionListQuery): Promise<SessionList> {
    const { lister, userIdType } = this.open();
    assertUserIdOfType(query.userId, userIdType);
    return lister.listByUser(query);
  }

  async cleanUp(step: CleanUpStep): Promise<CleanUpOutcome> {
    const { cleaner } = this.open();
    return runOperation({ timeoutMs: this.settings.cleanUpTimeoutMs }, (operation) => cleaner.cleanUp(step, operation));
  }

  async flush(): Promise<void> {
    await this.open().touches.flush();
  }

  stop(): Promise<void> {
    return this.lifecycle.stop();
  }

  protected openParts(): Promise<PostgresParts> {
    return openParts(this.settings);
  }

  protected open(): PostgresParts {
    return this.lifecycle.use();
  }

  private async openAndSignal(): Promise<PostgresParts> {
    const parts = await this.openParts();
    const { connection, pool, tables } = parts;
    try {
      this.signals.start({ connection, pool, table: tables.sessions });
    } catch (error) {
      await connection.close();
      throw error;
    }
    return parts;
  }

  private async close(parts: PostgresParts | undefined): Promise<void> {
    await parts?.touches.flush();
    await this.signals.stop();
    parts?.undelivered.stop();
    await parts?.connection.close();
  }
}
