export interface LifecycleSteps<R> {
  /** Opens the resource. After a failure nothing stays open. */
  readonly open: () => Promise<R>;
  /** Closes what was opened, and whatever else has to end. `undefined`: nothing was opened. */
  readonly close: (resource: R | undefined) => Promise<void>;
  readonly unavailable: (problem: string) => Error;
}

/** Starts and stops something once, whatever calls come at the same time. After a stop there is no start. */
export class Lifecycle<R> {
  private resource: R | undefined;
  private opening: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private readonly abortion = new AbortController();

  constructor(private readonly steps: LifecycleSteps<R>) {}

  /** Aborts when stopping begins, so that pauses and retries end. */
  get stopped(): AbortSignal {
    return this.abortion.signal;
  }

  get isOpen(): boolean {
    return this.resource !== undefined;
  }

  /**
   * Opens the resource. Calls at the same time share one attempt; a failed attempt may be repeated.
   *
   * @throws The error of `unavailable` when it was stopped, even meanwhile.
   */
  async start(): Promise<void> {
    if (!this.closing) this.opening ??= this.open();
    await this.opening;
    if (this.closing) throw this.steps.unavailable('it was stopped');
  }

  /**
   * Returns the open resource.
   *
   * @param problem - What the error says while nothing was opened yet.
   */
  use(problem = 'it was not started'): R {
    if (this.closing) throw this.steps.unavailable('it was stopped');
    if (this.resource === undefined) throw this.steps.unavailable(problem);
    return this.resource;
  }

  /** Closes the resource, after an attempt to open it that is under way. Idempotent. */
  stop(): Promise<void> {
    this.abortion.abort();
    this.closing ??= this.close();
    return this.closing;
  }

  private async open(): Promise<void> {
    try {
      this.resource = await this.steps.open();
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }

  private async close(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.steps.close(this.resource);
  }
}
