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
  private parts: PostgresParts | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(protected readonly settings: PostgresSettings) {
    this.signals = new PostgresSignals(settings);
  }

  /**
   * Calls at the same time share one attempt; one that failed may be made again.
   *
   * @throws {SessionConfigurationError} The tables or the login are not as they must be.
   * @throws {SessionStoreUnavailableError} Nobody answered, or the store was stopped, be it meanwhile.
   */
  async start(): Promise<void> {
    if (!this.stopping) this.starting ??= this.openOnce();
    await this.starting;
    if (this.stopping) throw unavailable('it was stopped');
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
    this.stopping ??= this.close();
    return this.stopping;
  }

  protected openParts(): Promise<PostgresParts> {
    return openParts(this.settings);
  }

  protected open(): PostgresParts {
    if (this.stopping) throw unavailable('it was stopped');
    if (!this.parts) throw unavailable('it was not started');
    return this.parts;
  }

  private async openOnce(): Promise<void> {
    try {
      const { connection, pool, tables } = (this.parts = await this.openParts());
      this.signals.start({ connection, pool, table: tables.sessions });
    } catch (error) {
      this.starting = undefined;
      throw error;
    }
  }

  private async close(): Promise<void> {
    await this.starting?.catch(() => undefined);
    if (!this.parts) return;
    const { touches, undelivered, connection } = this.parts;
    await touches.flush();
    await this.signals.stop();
    undelivered.stop();
    await connection.close();
  }
}
