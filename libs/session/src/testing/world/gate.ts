/** A point at which something waits until it is let through, so that a test decides the order of events. */
export class Gate {
  private readonly resolvers: (() => void)[] = [];
  readonly opened = new Promise<void>((resolve) => this.resolvers.push(resolve));

  open(): void {
    for (const resolve of this.resolvers) resolve();
  }
}
