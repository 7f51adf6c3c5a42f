import type { SessionReconciler } from './session-reconciler.js';
import type { SessionLogger } from '../../../core/support/logger.js';

const JITTER = 0.1;
/** Longer timeouts would fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/**
 * Runs the reconciler one interval after the start and one interval after each run, each varied by a tenth so that
 * instances drift apart. A run that did not reach the end is gone on with by the next.
 */
export class ReconcileSchedule {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private cursor: string | undefined;
  private isStopped = false;

  constructor(
    private readonly reconciler: SessionReconciler,
    private readonly settings: { readonly intervalMs: number; readonly logger: SessionLogger },
  ) {}

  start(): void {
    if (this.isStopped) return;
    const delayMs = this.settings.intervalMs * (1 - JITTER + Math.random() * 2 * JITTER);
    this.timer = setTimeout(
      () => {
        this.running = this.run();
      },
      Math.min(delayMs, MAX_TIMEOUT_MS),
    ).unref();
  }

  /** Waits for the page that a run is at. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.reconciler.stop();
    await this.running;
  }

  private async run(): Promise<void> {
    try {
      const { cursor } = await this.reconciler.run(this.cursor === undefined ? {} : { cursor: this.cursor });
      this.cursor = cursor;
    } catch (error) {
      this.cursor = undefined;
      this.settings.logger.error(`reconciling failed, the next run starts anew: ${String(error)}`);
    }
    this.start();
  }
}
