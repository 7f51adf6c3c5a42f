/** A longer step hurts other queries, because it keeps its locks and the disk for as long. */
const TARGET_STEP_MS = 50;
const MIN_BATCH_SIZE = 100;
const MAX_PAUSE_MS = 1_000;

/**
 * Paces the steps of a cleanup by what they take: a slow step halves the next one and earns the database a pause, fast steps
 * grow back to the full batch.
 */
export class StepPacer {
  private size: number;

  /** @param maxBatchSize - Rows of the first step, and of every fast one. */
  constructor(private readonly maxBatchSize: number) {
    this.size = maxBatchSize;
  }

  /** Rows for the next step. */
  get batchSize(): number {
    return this.size;
  }

  /** Learns from a step. Returns the pause after it, in ms. */
  finished(tookMs: number): number {
    if (tookMs <= TARGET_STEP_MS) {
      if (tookMs < TARGET_STEP_MS / 2) this.size = Math.min(this.size * 2, this.maxBatchSize);
      return 0;
    }
    this.size = Math.max(Math.floor(this.size / 2), Math.min(MIN_BATCH_SIZE, this.maxBatchSize));
    return Math.min(tookMs, MAX_PAUSE_MS);
  }
}
