/**
 * Whether this instance may answer with hot copies alone.
 *
 * A server that answers reads and refuses writes (a replica, a full disk, too few replicas) goes on showing copies that
 * were meant to be dropped. From the first refusal on, this instance therefore asks the durable side about every
 * session, until a whole sweep has caught up. Every instance sweeps, so every instance finds out by itself. An instance
 * whose revocation did not reach the hot side does the same, whatever the cause.
 */
export class HotTrust {
  private losses = 0;
  private isLost = false;

  get isIntact(): boolean {
    return !this.isLost;
  }

  /** Stops trust until a sweep that begins after this call has caught up. */
  distrust(): void {
    this.losses += 1;
    this.isLost = true;
  }

  /**
   * Restores trust after a catch-up, unless trust was lost again meanwhile.
   *
   * @param catchUp - Makes the hot side follow all that it has missed. Its rejection is passed on.
   */
  async restoreAfter(catchUp: () => Promise<void>): Promise<void> {
    const { losses } = this;
    await catchUp();
    if (losses === this.losses) this.isLost = false;
  }
}
