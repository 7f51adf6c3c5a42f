/** Longer timeouts would fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;
const JITTER = 0.1;
const FIRST_RECONNECT_MS = 50;

/**
 * Starts a timeout that is varied by a tenth, so that instances started together drift apart. It does not keep the process
 * alive. A delay beyond the longest timeout, 24.8 days, becomes that.
 */
export function startJitteredTimeout(callback: () => void, delayMs: number): NodeJS.Timeout {
  const jitteredMs = delayMs * (1 - JITTER + Math.random() * 2 * JITTER);
  return setTimeout(callback, Math.min(Math.round(jitteredMs), MAX_TIMEOUT_MS)).unref();
}

/**
 * Returns the pause before an attempt to reconnect, in ms. It starts at 50, doubles with each attempt up to `maxMs`, and is
 * varied downwards by up to half, so that instances do not all return at once.
 *
 * @param attempt - 1 for the first.
 */
export function reconnectDelayMs(attempt: number, maxMs: number): number {
  return Math.min(FIRST_RECONNECT_MS * 2 ** (attempt - 1), maxMs) * (0.5 + Math.random() / 2);
}

export interface JobLoopSettings {
  readonly intervalMs: number;
  readonly run: () => Promise<void>;
  /** Receives the error of a run that failed. The next run comes all the same. */
  readonly onError: (error: unknown) => void;
}

/** Runs a job one interval after the start and one interval after each run, until it is stopped. */
export class JobLoop {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isStopped = false;

  constructor(private readonly settings: JobLoopSettings) {}

  /** Does nothing when the loop runs already, or was stopped. */
  start(): void {
    if (!this.timer) this.schedule();
  }

  /** Stops for good. Resolves when a run that is under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (this.isStopped) return;
    this.timer = startJitteredTimeout(() => {
      this.running = this.runOnce();
    }, this.settings.intervalMs);
  }

  private async runOnce(): Promise<void> {
    try {
      await this.settings.run();
    } catch (error) {
      this.settings.onError(error);
    }
    this.schedule();
  }
}
