import type { SimulatedHot } from './simulated-hot.js';
import type { SimulatedRedis } from './simulated-redis.js';
import type { SimulatedParts } from './simulated-side.js';

const LEASE_MS = 100;
const WAIT_MS = 125;
const MAX_ATTEMPTS = 3;

/** The epoch that one instance knows by lease, as in `cutoff-lease.ts`, on the clock of the run. */
export class SimulatedEpoch {
  known = 0;
  private stored = 0;
  private settled = 0;
  private askedAtMs = -Infinity;

  constructor(
    private readonly hot: SimulatedHot,
    private readonly redis: SimulatedRedis,
    private readonly parts: SimulatedParts,
  ) {}

  async current(): Promise<number> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      if (this.parts.clock.nowMs - this.askedAtMs < LEASE_MS) return this.known;
      await this.ask();
    }
    throw this.hot.unavailable('what was revoked at once could not be learnt in time');
  }

  async follow(epoch: number): Promise<void> {
    this.observe(epoch);
    await this.current();
    if (this.stored < this.known) await this.ask();
  }

  async advance(epoch: number): Promise<void> {
    if (epoch <= this.settled) return;
    this.observe(epoch);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const mark = String(this.redis.nextSerial());
      await this.hot.call(() => this.redis.raiseEpoch(epoch, mark));
      await this.parts.scheduler.pointAfter(WAIT_MS);
      if (await this.hot.call(() => this.redis.contents.marks.includes(mark))) {
        this.settled = Math.max(this.settled, epoch);
        return;
      }
    }
    throw this.hot.unavailable('what was written is lost time and again');
  }

  private observe(epoch: number): void {
    this.known = Math.max(this.known, epoch);
  }

  private async ask(): Promise<void> {
    const askedAtMs = this.parts.clock.nowMs;
    this.stored = await this.hot.call(() => this.redis.contents.epoch);
    this.observe(this.stored);
    const { known } = this;
    if (this.stored < known) await this.hot.call(() => this.redis.raiseEpoch(known));
    this.askedAtMs = Math.max(this.askedAtMs, askedAtMs);
  }
}
