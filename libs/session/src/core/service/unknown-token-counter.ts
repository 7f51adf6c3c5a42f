import type { UnknownTokenReason, UnknownTokens } from '../events/security-events.js';

export interface UnknownTokenCounterSettings {
  readonly report: (event: UnknownTokens) => void;
  /** How long tokens are counted before they are reported, in ms. Default a minute. */
  readonly windowMs?: number;
  /** Addresses that are counted one by one in a window; all others share one sum. Default 200. */
  readonly maxAddresses?: number;
}

interface Tally {
  readonly byReason: Record<UnknownTokenReason, number>;
  readonly since: Date;
}

const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 200;

/** Counts unknown tokens instead of reporting each, so that an attacker who guesses many causes few events. */
export class UnknownTokenCounter {
  private readonly tallies = new Map<string | null, Tally>();
  private overflow: Tally | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly settings: UnknownTokenCounterSettings) {}

  count(ipAddress: string | null, reason: UnknownTokenReason): void {
    this.tallyOf(ipAddress).byReason[reason] += 1;
    this.timer ??= setTimeout(() => this.flush(), this.settings.windowMs ?? WINDOW_MS).unref();
  }

  /** Reports the counts so far. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const counted = [...this.tallies];
    const { overflow } = this;
    this.tallies.clear();
    this.overflow = undefined;
    for (const [ipAddress, tally] of counted) this.report(tally, { ipAddress, isOverflow: false });
    if (overflow) this.report(overflow, { ipAddress: null, isOverflow: true });
  }

  private tallyOf(ipAddress: string | null): Tally {
    const known = this.tallies.get(ipAddress);
    if (known) return known;
    if (this.tallies.size >= (this.settings.maxAddresses ?? MAX_ADDRESSES)) return (this.overflow ??= newTally());
    const tally = newTally();
    this.tallies.set(ipAddress, tally);
    return tally;
  }

  private report({ byReason, since }: Tally, where: Pick<UnknownTokens, 'ipAddress' | 'isOverflow'>): void {
    const count = Object.values(byReason).reduce((sum, one) => sum + one, 0);
    this.settings.report({ at: new Date(), since, count, byReason, userAgent: null, ...where });
  }
}

function newTally(): Tally {
  return { byReason: { unknown: 0, 'wrong-secret': 0, forged: 0 }, since: new Date() };
}
