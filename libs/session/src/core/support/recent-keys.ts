/** Remembers the latest keys, at most so many. */
export class RecentKeys {
  private readonly keys = new Set<string>();

  constructor(private readonly max: number) {}

  get size(): number {
    return this.keys.size;
  }

  /** @returns Whether the key was not known. */
  add(key: string): boolean {
    const isNew = !this.keys.delete(key);
    this.keys.add(key);
    if (this.keys.size > this.max) {
      const [oldest] = this.keys;
      if (oldest !== undefined) this.keys.delete(oldest);
    }
    return isNew;
  }

  delete(key: string): void {
    this.keys.delete(key);
  }
}
