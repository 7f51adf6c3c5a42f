const WINDOW_MS = 15 * 60_000;
const MAX_ATTEMPTS = 10;
const MAX_KEYS = 10_000;

interface Attempts {
  count: number;
  readonly sinceMs: number;
}

/**
 * Slows down guessing: at most 10 wrong attempts with one key, such as an account and an address, in 15 minutes. An attempt
 * counts before it is checked, so that parallel guesses do not slip through. Kept in this process only.
 */
export class AttemptThrottle {
  private readonly attempts = new Map<string, Attempts>();

  constructor(private readonly nowMs: () => number = Date.now) {}

  /** @returns Seconds to wait, 0 when the attempt may be made. */
  begin(key: string): number {
    const now = this.nowMs();
    const known = this.attempts.get(key);
    if (!known || now - known.sinceMs >= WINDOW_MS) {
      this.forgetOldest();
      this.attempts.delete(key);
      this.attempts.set(key, { count: 1, sinceMs: now });
      return 0;
    }
    if (known.count >= MAX_ATTEMPTS) return Math.ceil((known.sinceMs + WINDOW_MS - now) / 1000);
    known.count++;
    return 0;
  }

  /** The attempt was never checked. */
  takeBack(key: string): void {
    const known = this.attempts.get(key);
    if (known && known.count > 0) known.count--;
  }

  /** The attempt was right. */
  forget(key: string): void {
    this.attempts.delete(key);
  }

  private forgetOldest(): void {
    if (this.attempts.size < MAX_KEYS) return;
    const [oldest] = this.attempts.keys();
    if (oldest !== undefined) this.attempts.delete(oldest);
  }
}
