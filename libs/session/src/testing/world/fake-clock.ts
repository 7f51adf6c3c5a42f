/** A clock that stands still until it is moved: `memoryStore({ now: clock.now })`. */
export class FakeClock {
  private nowMs: number;

  constructor(startAt: Date = new Date()) {
    this.nowMs = startAt.getTime();
  }

  /** Bound, so that it can be handed on. */
  readonly now = (): Date => new Date(this.nowMs);

  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a clock cannot be moved by ${ms} ms`);
    this.nowMs += ms;
  }
}
