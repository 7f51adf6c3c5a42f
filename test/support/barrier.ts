/** A point at which something waits until the test lets it through, so that a test decides the order of events. */
export class Gate {
  private readonly entrances = deferred();
  private readonly exits = deferred();

  /** Settles once somebody waits at the gate. */
  readonly reached = this.entrances.promise;

  /** Waits at the gate; passes at once when it is open. */
  async pass(): Promise<void> {
    this.entrances.resolve();
    await this.exits.promise;
  }

  /** Lets through who waits and who comes later. */
  open(): void {
    this.exits.resolve();
  }
}

/** Holds each of a number of parties until all have arrived. One that waits for more than come waits for ever. */
export class Barrier {
  private readonly gate = new Gate();
  private missing: number;

  constructor(parties: number) {
    this.missing = parties;
  }

  async arrive(): Promise<void> {
    this.missing -= 1;
    if (this.missing <= 0) this.gate.open();
    await this.gate.pass();
  }
}

function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
