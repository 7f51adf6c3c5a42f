import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { DeadlineGate } from './deadline-gate.js';
import { unavailable } from './redis-errors.js';

/** How long what was read may be relied on, from when it was asked for. */
export const CUTOFF_LEASE_MS = 1_000;
/** By how much longer the one who raises it waits: clocks of two processes do not run equally fast. */
const MARGIN_MS = 250;
const MAX_ATTEMPTS = 3;
const MARK_BYTES = 9;

/** `before`: sessions that began earlier, in Unix ms of the server, have ended. `epoch`: copies confirmed in an earlier one do not count. */
export type CutoffField = 'before' | 'epoch';

/** The commands that it takes, each on the one key of all instances. */
export interface StoredCutoff {
  read(): Promise<number>;
  /** Writes the value unless a higher one is there, and the mark beside it. */
  restore(value: number, mark?: string): Promise<void>;
  /** Whether the mark is there, which is lost with the value that it was written with. */
  hasMark(mark: string): Promise<boolean>;
}

/** What was written, and the mark beside it that nobody else writes. */
export interface RaisedCutoff {
  readonly value: number;
  readonly mark: string;
}

export function createMark(): string {
  return randomBytes(MARK_BYTES).toString('base64url');
}

/**
 * A number that all instances share and that only grows, known without a command per question: read at most every half
 * a second when it is needed, and relied on for a second from when it was asked for. So whoever has raised it and then
 * waited for longer than that knows that no instance goes by an older one, whatever was slow or paused in between; the
 * clocks of the instances need not agree.
 *
 * In memory it never falls. If the key is lost, whoever knows better writes it again at the next reading.
 */
export class CutoffLease {
  private highest = 0;
  /** The last value that was read. */
  private stored = 0;
  private askedAt: Moment | undefined;
  private asking: { readonly sinceMs: number; readonly answer: Promise<void> } | undefined;

  constructor(private readonly commands: StoredCutoff) {}

  /** The highest value seen, however old that news is. */
  get seen(): number {
    return this.highest;
  }

  /** The value as it was less than a second ago, or a higher one. */
  async current(): Promise<number> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const ageMs = this.askedAt ? ageOf(this.askedAt) : Infinity;
      if (ageMs < CUTOFF_LEASE_MS) {
        // A failure leaves things as they are until the lease is over; the operation that needs it then reports it.
        if (ageMs > CUTOFF_LEASE_MS / 2) this.ask().catch(() => undefined);
        return this.highest;
      }
      await this.ask();
    }
    throw unavailable('what was revoked at once could not be learnt in time');
  }

  observe(value: number): void {
    this.highest = Math.max(this.highest, value);
  }

  /** Goes by this value at once, and sees to it that others will. */
  async follow(value: number): Promise<void> {
    this.observe(value);
    await this.current();
    if (this.stored < this.highest) await this.ask();
  }

  /**
   * Resolves when no instance goes by less than this value, which was written before.
   *
   * That the value is there in the end is not enough: it may have been lost, read by an instance as what it was before,
   * and written again by one that knew it. The mark tells, for nobody writes that one again.
   *
   * @throws {SessionStoreUnavailableError} No answer, the store was stopped, or the value was lost time and again.
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
    throw unavailable('what was written is lost time and again');
  }

  private ask(): Promise<void> {
    const sinceMs = performance.now();
    // One that is never answered must not be in the way of the next.
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

/** By whichever clock more has passed: the monotonic one stands still while the machine sleeps. */
function ageOf({ monotonicMs, wallMs }: Moment): number {
  return Math.max(performance.now() - monotonicMs, Date.now() - wallMs);
}
