/**
 * A clock that stands still until it is moved.
 *
 * @example
 * const clock = new FakeClock();
 * const store = memoryStore({ now: clock.now });
 * clock.advance(60_000);
 */
export class FakeClock {
  private nowMs: number;

  constructor(startAt: Date = new Date()) {
    this.nowMs = startAt.getTime();
  }

  /** Bound, so that it can be passed as a function. */
  readonly now = (): Date => new Date(this.nowMs);

  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a clock cannot be moved by ${ms} ms`);
    this.nowMs += ms;
  }
}
