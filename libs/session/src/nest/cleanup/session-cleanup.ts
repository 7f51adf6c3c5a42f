import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { SessionStore } from '../../core/ports/session-store.js';
import { StepPacer } from './step-pacer.js';
import type { CleanupSettings } from '../options/cleanup-settings.js';
import type { SessionSettings } from '../options/session-settings.js';
import { LOG_CONTEXT, SESSION_SETTINGS, SESSION_STORE } from '../options/session.constants.js';

/** The result of one run. */
export interface SessionCleanupResult {
  /** Sessions found expired and marked as ended. */
  readonly expired: number;
  /** Ended sessions removed after their retention. */
  readonly purged: number;
  /** Audit rows removed after their retention. */
  readonly auditPurged: number;
  readonly batches: number;
  /** `done`: nothing is left. `time`: the budget is spent or the application stops. `busy`: another instance cleans up. */
  readonly stoppedBy: 'done' | 'time' | 'busy';
}

const PROGRESS_INTERVAL_MS = 10_000;

/** Removes ended and expired sessions, in bounded steps. Expired sessions are refused whether or not it runs. */
@Injectable()
export class SessionCleanup {
  private readonly logger = new Logger(LOG_CONTEXT);
  private readonly settings: CleanupSettings;
  private running: Promise<SessionCleanupResult> | undefined;
  private readonly stopping = new AbortController();

  constructor(
    @Inject(SESSION_STORE) private readonly store: SessionStore,
    @Inject(SESSION_SETTINGS) settings: SessionSettings,
  ) {
    this.settings = settings.cleanup;
  }

  /**
   * Cleans up until nothing is left, `cleanup.timeBudget` is spent, or another instance turns out to clean up. Joins a run
   * that is under way.
   *
   * @example
   * const { expired, purged } = await this.cleanup.run();
   *
   * @throws The store's error. Rows removed until then stay removed.
   */
  run(): Promise<SessionCleanupResult> {
    return (this.running ??= this.sweep().finally(() => {
      this.running = undefined;
    }));
  }

  /** Ends a run after its current step and waits for it. No run begins afterwards. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running?.catch(() => undefined);
  }

  private async sweep(): Promise<SessionCleanupResult> {
    const startedAtMs = performance.now();
    const total = { expired: 0, purged: 0, auditPurged: 0, batches: 0 };
    let stoppedBy: SessionCleanupResult['stoppedBy'] = 'time';
    let reportedAtMs = startedAtMs;
    const pacer = new StepPacer(this.settings.batchSize);
    while (!this.stopping.signal.aborted && performance.now() - startedAtMs < this.settings.timeBudgetMs) {
      const stepAtMs = performance.now();
      const { state, ...step } = await this.store.cleanUp({ batchSize: pacer.batchSize });
      total.expired += step.expired;
      total.purged += step.purged;
      total.auditPurged += step.auditPurged;
      total.batches += 1;
      if (state !== 'more') {
        stoppedBy = state;
        break;
      }
      if (performance.now() - reportedAtMs >= PROGRESS_INTERVAL_MS) {
        reportedAtMs = performance.now();
        this.logger.log(`cleanup goes on: ${describe(total)}`);
      }
      await this.pause(pacer.finished(performance.now() - stepAtMs));
    }
    const tookMs = Math.round(performance.now() - startedAtMs);
    const summary = `cleanup stopped by "${stoppedBy}" after ${tookMs} ms: ${describe(total)}`;
    if (total.expired + total.purged + total.auditPurged > 0 || stoppedBy === 'time') this.logger.log(summary);
    else this.logger.debug(summary);
    return { ...total, stoppedBy };
  }

  /** Lets other work happen, at least for a turn of the event loop. Stopping ends the pause. */
  private async pause(ms: number): Promise<void> {
    if (ms === 0) await nextTurn();
    else await wait(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

function describe(total: Omit<SessionCleanupResult, 'stoppedBy'>): string {
  return `${total.expired} expired, ${total.purged} purged, ${total.auditPurged} audit rows purged in ${total.batches} batches`;
}
