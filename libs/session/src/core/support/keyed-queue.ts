/** Runs tasks of one key one after the other and tasks of different keys side by side. Forgets a key that is idle. */
export class KeyedQueue {
  private readonly tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const result = (this.tails.get(key) ?? Promise.resolve()).then(task, task);
    const tail = result.finally(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key);
    });
    tail.catch(() => undefined);
    this.tails.set(key, tail);
    return result;
  }
}
