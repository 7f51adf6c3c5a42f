/** The most ids of one statement; a turn with more lookups sends several. */
const MAX_IDS = 1000;

export interface LookupQueries<Row> {
  findOne(id: string): Promise<Row | undefined>;
  findMany(ids: readonly string[]): Promise<readonly Row[]>;
}

interface Waiter<Row> {
  resolve(row: Row | undefined): void;
  reject(error: unknown): void;
}

/**
 * Sends the lookups of one turn of the event loop as one statement. A single lookup has a statement of its own, which is
 * cheaper. Every lookup is answered by a statement that was sent after it. A statement that fails rejects only its own
 * lookups.
 */
export class LookupGatherer<Row extends { readonly id: string }> {
  private waiting = new Map<string, Waiter<Row>[]>();

  constructor(private readonly queries: LookupQueries<Row>) {}

  find(id: string): Promise<Row | undefined> {
    return new Promise((resolve, reject) => {
      // setImmediate, because each request arrives in its own callback: a microtask would gather nothing.
      if (this.waiting.size === 0) setImmediate(() => this.send());
      const waiters = this.waiting.get(id);
      if (waiters) waiters.push({ resolve, reject });
      else this.waiting.set(id, [{ resolve, reject }]);
    });
  }

  private send(): void {
    const waiting = [...this.waiting];
    this.waiting = new Map();
    for (let start = 0; start < waiting.length; start += MAX_IDS) {
      void this.answer(new Map(waiting.slice(start, start + MAX_IDS)));
    }
  }

  private async answer(waiting: Map<string, Waiter<Row>[]>): Promise<void> {
    try {
      const rows = await this.fetch([...waiting.keys()]);
      for (const row of rows) {
        for (const waiter of waiting.get(row.id) ?? []) waiter.resolve(row);
        waiting.delete(row.id);
      }
      for (const waiters of waiting.values()) for (const waiter of waiters) waiter.resolve(undefined);
    } catch (error) {
      for (const waiters of waiting.values()) for (const waiter of waiters) waiter.reject(error);
    }
  }

  private async fetch(ids: readonly string[]): Promise<readonly Row[]> {
    const [id] = ids;
    if (id === undefined || ids.length > 1) return this.queries.findMany(ids);
    const row = await this.queries.findOne(id);
    return row ? [row] : [];
  }
}
