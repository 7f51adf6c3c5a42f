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
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import type { HybridSessionCreator } from '../operations/create.js';
import type { HybridSessionRevoker } from '../operations/end.js';
import type { HybridSessionReader } from '../operations/find.js';
import type { HybridSessionLister } from '../operations/list.js';
import type { HybridSessionRotator } from '../operations/rotate.js';
import type { HybridTouchForwarder } from '../operations/touch.js';
import type { HybridSessionUpdater } from '../operations/update.js';
import { ignoreOutage, type HybridSides } from '../sides/hybrid-sides.js';
import type { HotSweeper } from '../upkeep/hot-sweeper.js';
import type { ReconcileSchedule } from '../upkeep/reconcile-schedule.js';
import type { ReconcileQuery, ReconcileResult, SessionReconciler } from '../upkeep/session-reconciler.js';

export interface HybridParts {
  readonly sides: HybridSides;
  readonly signals: SessionSignals;
  readonly creator: HybridSessionCreator;
  readonly reader: HybridSessionReader;
  readonly touches: HybridTouchForwarder;
  readonly updater: HybridSessionUpdater;
  readonly rotator: HybridSessionRotator;
  readonly revoker: HybridSessionRevoker;
  readonly lister: HybridSessionLister;
  readonly sweeper: HotSweeper;
  readonly reconciler: SessionReconciler;
  /** `undefined`: the store reconciles only when asked to. */
  readonly schedule: ReconcileSchedule | undefined;
}

/**
 * A store on two sides: the hot side answers, the durable side remembers and decides.
 *
 * - `find`: a believed copy; else lease, read the durable side, promote.
 * - `create`: lease, insert, promote.
 * - `revoke`, `revokeAll`: commit, drop the copies.
 * - `rotate`: commit, stop belief in the copy.
 * - `update`, `touch`: on an existing copy. Touches follow to the durable side in batches that double as a check.
 * - `listByUser`: durable side.
 *
 * The side that worked records what failed half way, and the sweeper works it off. The reconciler repairs any remaining
 * drift, including manual edits on the hot side.
 */
export class HybridSessionStore implements SessionStore {
  readonly name = 'hybrid';
  readonly signals: SessionSignals;
  private stopping: Promise<void> | undefined;

  constructor(private readonly parts: HybridParts) {
    this.signals = parts.signals;
  }

  async start(): Promise<void> {
    const { sides, sweeper, schedule } = this.parts;
    await sides.durable.start();
    await sides.hot.start().catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
      sides.logger.warn(`the hot side does not answer. Starting without it, and Postgres answers: ${error.message}`);
    });
    // This runs without the hot side as well: a sweep makes it follow the epoch once it is back.
    await sweeper.followEpoch().catch((error: unknown) => {
      ignoreOutage(error);
      // The epoch that the hot side knows is not enough by itself: the hot side may have lost it.
      if (isUnavailable(error, sides.durable.name)) sides.trust.distrust();
    });
    sweeper.start();
    schedule?.start();
  }

  create(session: NewSession): Promise<CreateOutcome> {
    return this.parts.creator.create(session);
  }

  find(id: string): Promise<FindOutcome> {
    return this.parts.reader.find(id);
  }

  touch(touch: SessionTouch): Promise<boolean> {
    return this.parts.touches.touch(touch);
  }

  update(change: SessionDataChange): Promise<UpdateOutcome> {
    return this.parts.updater.update(change);
  }

  rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    return this.parts.rotator.rotate(rotation);
  }

  revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    return this.parts.revoker.revoke(revocation);
  }

  revokeAll(revocation: UserRevocation): Promise<EndedSession[]> {
    return this.parts.revoker.revokeAll(revocation);
  }

  revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    return this.parts.revoker.revokeByIdentityProvider(revocation);
  }

  revokeEverything(revocation: TotalRevocation): Promise<EndedEverything> {
    return this.parts.revoker.revokeEverything(revocation);
  }

  listByUser(query: SessionListQuery): Promise<SessionList> {
    return this.parts.lister.listByUser(query);
  }

  async cleanUp(step: CleanUpStep): Promise<CleanUpOutcome> {
    const { durable } = this.parts.sides;
    durable.assertReachable();
    await this.flush();
    return durable.cleanUp(step);
  }

  /**
   * Compares the hot copies of one user, or of all users page by page, with the durable side and repairs the hot side.
   *
   * Safe beside any other call, including another run. A run ends when a side does not answer; its repairs until then
   * stand and are part of the result.
   */
  reconcile(query: ReconcileQuery = {}): Promise<ReconcileResult> {
    return this.parts.reconciler.run(query);
  }

  flush(): Promise<void> {
    return this.parts.touches.flush();
  }

  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    const { sides, sweeper, reconciler, schedule } = this.parts;
    reconciler.stop();
    await schedule?.stop();
    await sweeper.stop();
    await this.flush().catch(ignoreOutage);
    await sides.durable.stop();
    await sides.hot.stop();
  }
}
