import type { DurableSessions } from '../../../core/ports/durable-sessions.js';
import type { HotSessions } from '../../../core/ports/hot-sessions.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { HybridSessionCreator } from '../operations/create.js';
import { HybridSessionRevoker } from '../operations/end.js';
import { HybridSessionReader } from '../operations/find.js';
import { HybridSessionLister } from '../operations/list.js';
import { HybridSessionRotator } from '../operations/rotate.js';
import { HybridTouchForwarder } from '../operations/touch.js';
import { HybridSessionUpdater } from '../operations/update.js';
import type { CircuitBreaker } from '../sides/circuit-breaker.js';
import { DurableSide } from '../sides/durable-side.js';
import { HotSide } from '../sides/hot-side.js';
import { HotTrust } from '../sides/hot-trust.js';
import { HybridSignals } from '../signals/hybrid-signals.js';
import { HotSweeper } from '../upkeep/hot-sweeper.js';
import { ReconcileSchedule } from '../upkeep/reconcile-schedule.js';
import { SessionReconciler } from '../upkeep/session-reconciler.js';
import { HybridSessionStore } from './hybrid-session.store.js';

export interface HybridSettings {
  readonly hot: HotSessions;
  readonly durable: DurableSessions;
  readonly hotBreaker: CircuitBreaker;
  readonly durableBreaker: CircuitBreaker;
  /** Top-level keys of the session data that the durable side holds as well. */
  readonly durableKeys: readonly string[];
  readonly logger: SessionLogger;
  /** How often each instance works off what is pending, in ms. */
  readonly sweepIntervalMs: number;
  /** How often each instance compares both sides, in ms. `false`: only when asked to. */
  readonly reconcileIntervalMs: number | false;
}

/** Builds a hybrid store on two sides. The store keeps its sweeper private, so it is returned separately. */
export function assembleHybrid(settings: HybridSettings): { store: HybridSessionStore; sweeper: HotSweeper } {
  const { durableKeys, logger, reconcileIntervalMs: intervalMs } = settings;
  const trust = new HotTrust();
  const hot = new HotSide(settings.hot, settings.hotBreaker, trust);
  const durable = new DurableSide(settings.durable, settings.durableBreaker);
  const sides = { hot, durable, trust, durableKeys, logger };
  const sweeper = new HotSweeper(sides, settings.sweepIntervalMs);
  const reconciler = new SessionReconciler(sides);
  const reader = new HybridSessionReader(sides);
  const touches = new HybridTouchForwarder(sides);
  const store = new HybridSessionStore({
    sides,
    signals: new HybridSignals(hot.signals, durable.signals),
    creator: new HybridSessionCreator(sides),
    reader,
    touches,
    updater: new HybridSessionUpdater(sides, reader),
    rotator: new HybridSessionRotator(sides, reader),
    revoker: new HybridSessionRevoker(sides, sweeper),
    lister: new HybridSessionLister(sides, reader, touches),
    sweeper,
    reconciler,
    schedule: intervalMs === false ? undefined : new ReconcileSchedule(reconciler, { intervalMs, logger }),
  });
  return { store, sweeper };
}
