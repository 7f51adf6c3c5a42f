import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { DeadlineGate } from './deadline-gate.js';
import { unavailable } from './redis-errors.js';

/** How long a value may be relied on, from when the read began. */
export const CUTOFF_LEASE_MS = 1_000;
/** How much longer the instance that raises the cutoff waits: the clocks of two processes differ in speed. */
const MARGIN_MS = 250;
const MAX_ATTEMPTS = 3;
const MARK_BYTES = 9;

/**
 * - `before`: sessions that began earlier, in Unix ms of the server, have ended.
 * - `epoch`: copies confirmed in an earlier epoch do not count.
 */
export type CutoffField = 'before' | 'epoch';

/** The cutoff as stored under one key for all instances. */
export interface StoredCutoff {
  read(): Promise<number>;
  /** Writes the value unless a higher one is stored, and adds the mark beside it. */
  restore(value: number, mark?: string): Promise<void>;
  /** Returns whether the mark is stored. A loss of the value loses its mark, too. */
  hasMark(mark: string): Promise<boolean>;
}

/** A value that was written, and its mark, which no other call writes. */
export interface RaisedCutoff {
  readonly value: number;
  readonly mark: string;
}

export function createMark(): string {
  return randomBytes(MARK_BYTES).toString('base64url');
}

/**
 * The revocation cutoff: a number that all instances share and that only grows, known without a command per request.
 *
 * An instance reads it at most every half second, when it is needed, and relies on it for one second from when the read
 * began. After raising it and waiting longer than that, an instance knows that none still applies an older value,
 * whatever was slow or paused in between. The clocks of the instances need not agree.
 *  In memory the value never falls. If the key is lost, any instance that knows a higher value writes it at its next
 * read.
 */
export class CutoffLease {
  private highest = 0;
  /** The value of the last read. */
  private stored = 0;
  private askedAt: Moment | undefined;
  private asking: { readonly sinceMs: number; readonly answer: Promise<void> } | undefined;

  constructor(private readonly commands: StoredCutoff) {}

  /** The highest value seen, however long ago. */
  get seen(): number {
    return this.highest;
  }

  /** Returns the value of less than a second ago, or a higher one; `undefined` when it has to be read first. */
  known(): number | undefined {
    const ageMs = this.askedAt ? ageOf(this.askedAt) : Infinity;
    if (ageMs >= CUTOFF_LEASE_MS) return undefined;
    // After a failure the lease runs on. Once it expires, the next operation reads again and reports the error.
    if (ageMs > CUTOFF_LEASE_MS / 2) this.ask().catch(() => undefined);
    return this.highest;
  }

  /** Returns the value of less than a second ago, or a higher one. */
  async current(): Promise<number> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const known = this.known();
      if (known !== undefined) return known;
      await this.ask();
    }
    throw unavailable('the revocation cutoff could not be read in time');
  }

  observe(value: number): void {
    this.highest = Math.max(this.highest, value);
  }

  /** Applies this value at once, and makes sure that it is stored for other instances. */
  async follow(value: number): Promise<void> {
    this.observe(value);
    await this.current();
    if (this.stored < this.highest) await this.ask();
  }

  /**
   * Resolves when no instance applies less than this value, which was written before.
   *
   * Finding the value stored in the end proves nothing. The key may have been lost, read by one instance without the
   * value, and restored by another. The mark proves it: a restored key does not have it.
   *
   * @throws {SessionStoreUnavailableError} No answer, the store was stopped, or the value was lost repeatedly.
   */
  async outwait(
    { value, mark }: RaisedCutoff,
    { gate, signal }: { gate: DeadlineGate; signal: AbortSignal },
  ): Promise<void> {
    this.observe(value);
    let standing = mark;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      await wait(CUTOFF_LEASE_MS + MARGIN_MS, undefined, { signal }).catch(() => {
        throw unavailable('it was stopped');
      });
      if (await gate.run(() => this.commands.hasMark(standing))) return;
      standing = createMark();
      await gate.run(() => this.commands.restore(value, standing));
    }
    throw unavailable('Redis lost the revocation cutoff repeatedly');
  }

  private ask(): Promise<void> {
    const sinceMs = performance.now();
    // A read without an answer must not block the next one.
    if (this.asking && sinceMs - this.asking.sinceMs < CUTOFF_LEASE_MS) return this.asking.answer;
    const answer = this.learn().finally(() => {
      if (this.asking?.answer === answer) this.asking = undefined;
    });
    this.asking = { sinceMs, answer };
    return answer;
  }

  private async learn(): Promise<void> {
    const askedAt = momentNow();
    this.stored = await this.commands.read();
    this.observe(this.stored);
    if (this.stored < this.highest) await this.commands.restore(this.highest);
    if (!this.askedAt || askedAt.monotonicMs > this.askedAt.monotonicMs) this.askedAt = askedAt;
  }
}

interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

function momentNow(): Moment {
  return { monotonicMs: performance.now(), wallMs: Date.now() };
}

/** Returns the longer of two ages: the monotonic clock stands still while the machine sleeps. */
function ageOf({ monotonicMs, wallMs }: Moment): number {
  return Math.max(performance.now() - monotonicMs, Date.now() - wallMs);
}
