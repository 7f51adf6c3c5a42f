/** A point where a caller waits until the test opens it. It lets a test decide the order of events. */
export class Gate {
  private readonly entrances = deferred();
  private readonly exits = deferred();

  /** Resolves once a caller waits at the gate. */
  readonly reached = this.entrances.promise;

  /** Waits at the gate. Resolves at once when the gate is open. */
  async pass(): Promise<void> {
    this.entrances.resolve();
    await this.exits.promise;
  }

  /** Releases the waiting callers and every later one. */
  open(): void {
    this.exits.resolve();
  }
}

/** Holds each party until all of them have arrived. With a party missing, the others wait for ever. */
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
