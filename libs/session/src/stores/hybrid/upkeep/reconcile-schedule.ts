import type { SessionLogger } from '../../../core/support/logger.js';
import { JobLoop } from '../../../core/support/timers.js';
import type { SessionReconciler } from './session-reconciler.js';

/** Runs the reconciler at its interval. The next run resumes where an unfinished one stopped. */
export class ReconcileSchedule {
  private readonly loop: JobLoop;
  private cursor: string | undefined;

  constructor(
    private readonly reconciler: SessionReconciler,
    { intervalMs, logger }: { readonly intervalMs: number; readonly logger: SessionLogger },
  ) {
    const onError = (error: unknown) => {
      this.cursor = undefined;
      logger.error(`reconciling failed, the next run starts anew: ${String(error)}`);
    };
    this.loop = new JobLoop({ intervalMs, run: () => this.run(), onError });
  }

  start(): void {
    this.loop.start();
  }

  /** Waits for the page that a run is at. */
  async stop(): Promise<void> {
    this.reconciler.stop();
    await this.loop.stop();
  }

  private async run(): Promise<void> {
    const { cursor } = await this.reconciler.run(this.cursor === undefined ? {} : { cursor: this.cursor });
    this.cursor = cursor;
  }
}
