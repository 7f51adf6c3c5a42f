const START_MS = 1_700_000_000_000;

/** The only clock of a run. It moves only when the run moves it. */
export class SimulatedClock {
  nowMs = START_MS;

  now(): Date {
    return new Date(this.nowMs);
  }
}
