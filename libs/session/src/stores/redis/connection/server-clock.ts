import { setTimeout as wait } from 'node:timers/promises';
import { unavailable } from './redis-errors.js';

const SYNC_INTERVAL_MS = 60_000;
const MAX_AGE_MS = 5 * SYNC_INTERVAL_MS;
/** Two local clocks that drift apart by more than this say that the process was asleep or its clock was set. */
const MAX_LOCAL_DISAGREEMENT_MS = 100;
/** How often at most a server's word against the offset is a reason to learn it anew. */
const MIN_DISTRUST_INTERVAL_MS = 1_000;
const SAMPLES = 3;
const MAX_ATTEMPTS = 3;
/** How long the slower masters of a Cluster are waited for once one has answered. */
const STRAGGLER_MS = 100;

/** Asks one server for its time, in Unix ms rounded down. */
export type ReadServerTime = () => Promise<number>;

/** Monotonic and wall time of this process, in ms. */
export interface LocalTime {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
}

/** Server time lies between monotonic time plus `lowMs` and plus `highMs`. */
interface Offset {
  readonly lowMs: number;
  readonly highMs: number;
}

interface Sync extends Offset {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

const LOCAL_TIME: LocalTime = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };

/**
 * The servers' time without a command per question: their offset to this process' monotonic clock, learnt by `TIME` at
 * connect, every minute, and whenever this process' clock was set or slept or a server said that it is
 * wrong.
 *
 * What lies between sending `TIME` and its answer is not known better, so there are two estimates: expiry is judged by
 * the late one, deadlines by the early one. Of a Cluster all masters are asked and the extremes taken, so that a session
 * rather ends early by the difference between their clocks than late.
 */
export class ServerClock {
  private sync: Sync | undefined;
  private syncing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private epoch = 0;
  private distrustedAtMs = -Infinity;

  /** @param listServers - The servers of the moment. */
  constructor(
    private readonly listServers: () => readonly ReadServerTime[],
    private readonly local: LocalTime = LOCAL_TIME,
  ) {}

  /** The servers' time now, and rather too late than too early. */
  async latestMs(): Promise<number> {
    const { highMs } = await this.offset();
    return this.local.monotonicMs() + highMs;
  }

  /** The servers' time at a moment of monotonic time, and rather too early than too late. */
  async earliestMsAt(monotonicMs: number): Promise<number> {
    const { lowMs } = await this.offset();
    return monotonicMs + lowMs;
  }

  /** Another server may answer from now on: what is known of the time is forgotten. */
  forget(): void {
    this.epoch += 1;
    this.sync = undefined;
    this.syncing = undefined;
  }

  /**
   * A server said that its time is another: what is known is forgotten, though not time and again, for the masters of a
   * Cluster may differ for good.
   */
  distrust(): void {
    const nowMs = this.local.monotonicMs();
    if (nowMs - this.distrustedAtMs < MIN_DISTRUST_INTERVAL_MS) return;
    this.distrustedAtMs = nowMs;
    this.forget();
  }

  start(): void {
    this.timer = setInterval(() => {
      // A failure leaves the offset as it was until it is too old; the operation that needs it then reports it.
      this.ask().catch(() => undefined);
    }, SYNC_INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async offset(): Promise<Offset> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      if (this.sync && this.isBelievable(this.sync)) return this.sync;
      await this.ask();
    }
    throw unavailable("the server's time could not be learnt");
  }

  private isBelievable(sync: Sync): boolean {
    const monotonicMs = this.local.monotonicMs() - sync.monotonicMs;
    const wallMs = this.local.wallMs() - sync.wallMs;
    return monotonicMs < MAX_AGE_MS && Math.abs(wallMs - monotonicMs) < MAX_LOCAL_DISAGREEMENT_MS;
  }

  private ask(): Promise<void> {
    const syncing = (this.syncing ??= this.learn(this.epoch).finally(() => {
      if (this.syncing === syncing) this.syncing = undefined;
    }));
    return syncing;
  }

  private async learn(epoch: number): Promise<void> {
    let best: Offset | undefined;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const offset = await this.measure();
      if (!best || offset.highMs - offset.lowMs < best.highMs - best.lowMs) best = offset;
    }
    if (!best || epoch !== this.epoch) return;
    this.sync = { ...best, monotonicMs: this.local.monotonicMs(), wallMs: this.local.wallMs() };
  }

  private async measure(): Promise<Offset> {
    const offsets: Offset[] = [];
    const measuring = this.listServers().map(async (readTime) => {
      const sentAtMs = this.local.monotonicMs();
      const timeMs = await readTime();
      offsets.push({ lowMs: timeMs - this.local.monotonicMs(), highMs: timeMs + 1 - sentAtMs });
    });
    await Promise.any(measuring);
    if (measuring.length > 1) {
      await Promise.race([Promise.allSettled(measuring), wait(STRAGGLER_MS, undefined, { ref: false })]);
    }
    return {
      lowMs: Math.min(...offsets.map(({ lowMs }) => lowMs)),
      highMs: Math.max(...offsets.map(({ highMs }) => highMs)),
    };
  }
}
