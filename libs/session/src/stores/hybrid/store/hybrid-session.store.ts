import { patchData, pickData } from '../../../core/session/session-data.js';
import { isUnavailable, SessionDataUnavailableError } from '../../../core/session/session-errors.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
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
import { HotSweeper } from '../upkeep/hot-sweeper.js';
import { HotTrust } from '../sides/hot-trust.js';
import { callDurable, callHot, type HybridParts } from '../sides/hybrid-parts.js';
import { HybridSignals } from '../signals/hybrid-signals.js';
import { ReconcileSchedule } from '../upkeep/reconcile-schedule.js';
import { SessionCreator } from '../operations/session-creator.js';
import { SessionLister } from '../operations/session-lister.js';
import { SessionReader } from '../operations/session-reader.js';
import { SessionReconciler, type ReconcileQuery, type ReconcileResult } from '../upkeep/session-reconciler.js';
import { SessionRevoker } from '../operations/session-revoker.js';
import { SessionRotator } from '../operations/session-rotator.js';
import { TouchForwarder } from '../operations/touch-forwarder.js';

/** How often a copy is filled for one update: whatever drops or fails over in between ends or comes to rest. */
const MAX_FILLS_TO_UPDATE = 3;

export interface HybridSettings extends HybridParts {
  /** How often each instance works off what is pending, in ms. */
  readonly sweepIntervalMs: number;
  /** How often each instance compares both sides, in ms; `false` for never by itself. */
  readonly reconcileIntervalMs: number | false;
}

/**
 * The hot side answers, the durable side remembers and decides.
 *
 * find: a believed copy; else lease, read the durable side, promote. create: lease, insert, promote. revoke, revokeAll:
 * commit, drop the copies. rotate: commit, stop belief in the copy. update, touch: on an existing copy; touches follow
 * to the durable side in batches that double as a check. list: durable side. What fails half way is recorded on the side
 * that worked and worked off by the sweeper. What no rule foresaw, and hands that reach into Redis, the reconciler finds.
 */
export class HybridSessionStore implements SessionStore {
  readonly name = 'hybrid';
  readonly signals: HybridSignals;
  private readonly reader: SessionReader;
  private readonly creator: SessionCreator;
  private readonly revoker: SessionRevoker;
  private readonly lister: SessionLister;
  private readonly rotator: SessionRotator;
  readonly sweeper: HotSweeper;
  private readonly touches: TouchForwarder;
  private readonly reconciler: SessionReconciler;
  private readonly reconciling: ReconcileSchedule | undefined;
  private stopping: Promise<void> | undefined;

  private readonly parts: HybridSettings;
  private readonly trust = new HotTrust();

  constructor(settings: HybridSettings) {
    const { trust } = this;
    const parts = { ...settings, hot: trust.watch(settings.hot) };
    this.parts = parts;
    this.signals = new HybridSignals(parts.hot.signals, parts.durable.signals);
    this.reader = new SessionReader(parts, trust);
    this.creator = new SessionCreator(parts);
    this.touches = new TouchForwarder(parts);
    this.lister = new SessionLister(parts, { reader: this.reader, touches: this.touches });
    this.rotator = new SessionRotator(parts, this.reader, trust);
    this.sweeper = new HotSweeper(parts, { intervalMs: parts.sweepIntervalMs, trust });
    this.revoker = new SessionRevoker(parts, this.sweeper, trust);
    this.reconciler = new SessionReconciler(parts);
    const { reconcileIntervalMs: intervalMs, logger } = parts;
    if (intervalMs !== false) this.reconciling = new ReconcileSchedule(this.reconciler, { intervalMs, logger });
  }

  async start(): Promise<void> {
    await this.parts.durable.start();
    await this.parts.hot.start().catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
      this.parts.logger.warn(`starting without the hot side; Postgres answers until it is back: ${error.message}`);
    });
    // Also without the hot side, which then goes by it once it is back.
    await this.sweeper.followEpoch().catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
      // What Redis says of the epoch alone is not enough: it may have lost it.
      if (isUnavailable(error, this.parts.durable.name)) this.trust.doubt();
    });
    this.sweeper.start();
    this.reconciling?.start();
  }

  create(session: NewSession): Promise<CreateOutcome> {
    return this.creator.create(session);
  }

  find(id: string): Promise<FindOutcome> {
    return this.reader.find(id);
  }

  touch(touch: SessionTouch): Promise<boolean> {
    return this.touches.touch(touch);
  }

  async update(change: SessionDataChange): Promise<UpdateOutcome> {
    let outcome = await this.updateHot(change);
    for (let fills = 0; !outcome.applied && outcome.reason === 'absent'; fills++) {
      if (fills === MAX_FILLS_TO_UPDATE) {
        throw new SessionDataUnavailableError(this.name, 'the side that holds the session data confirms no copy');
      }
      // No copy to change: one has to be filled first, if the session is live.
      const found = await this.reader.find(change.id);
      if (!found.live) return { applied: false, reason: 'absent' };
      outcome = await this.updateHot(change);
    }
    if (outcome.applied) await this.mergeDurable(change, outcome.record.version);
    return outcome;
  }

  rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    return this.rotator.rotate(rotation);
  }

  revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    return this.revoker.revoke(revocation);
  }

  revokeAll(revocation: UserRevocation): Promise<EndedSession[]> {
    return this.revoker.revokeAll(revocation);
  }

  revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    return this.revoker.revokeByIdentityProvider(revocation);
  }

  revokeEverything(revocation: TotalRevocation): Promise<EndedEverything> {
    return this.revoker.revokeEverything(revocation);
  }

  listByUser(query: SessionListQuery): Promise<SessionList> {
    return this.lister.listByUser(query);
  }

  cleanUp(step: CleanUpStep): Promise<CleanUpOutcome> {
    return callDurable(this.parts, async (durable) => {
      await this.flush();
      return durable.cleanUp(step);
    });
  }

  /**
   * Compares the hot copies of one user, or all of them page by page, with the durable side and repairs the hot side. Safe
   * beside everything else, other runs included. A side that does not answer ends the run; what was done until then
   * stays done and is told.
   */
  reconcile(query: ReconcileQuery = {}): Promise<ReconcileResult> {
    return this.reconciler.run(query);
  }

  flush(): Promise<void> {
    return this.touches.flush();
  }

  stop(): Promise<void> {
    this.stopping ??= this.close();
    return this.stopping;
  }

  private async close(): Promise<void> {
    this.reconciler.stop();
    await this.reconciling?.stop();
    await this.sweeper.stop();
    await this.flush().catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
    });
    await this.parts.durable.stop();
    await this.parts.hot.stop();
  }

  private async updateHot(change: SessionDataChange): Promise<UpdateOutcome> {
    try {
      return await callHot(this.parts, (hot) => hot.update(change));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      throw new SessionDataUnavailableError(this.name, 'the side that holds the session data does not answer', {
        cause: error,
      });
    }
  }

  private async mergeDurable({ id, data }: SessionDataChange, version: number): Promise<void> {
    const { durableKeys } = this.parts;
    if (durableKeys.length === 0) return;
    await callDurable(this.parts, (durable) =>
      durable.mergeDurableData({ id, version, data: patchData({}, { set: pickData(data, durableKeys) }) }),
    );
  }
}
