import { setTimeout as wait } from 'node:timers/promises';
import { unavailable } from './redis-errors.js';

const SYNC_INTERVAL_MS = 60_000;
const MAX_AGE_MS = 5 * SYNC_INTERVAL_MS;
/** Local clocks that drift apart by more than this show that the process slept or its clock was set. */
const MAX_LOCAL_DISAGREEMENT_MS = 100;
/** Within this interval, only the first contradiction by a server causes a new measurement. */
const MIN_DISTRUST_INTERVAL_MS = 1_000;
const SAMPLES = 3;
const MAX_ATTEMPTS = 3;
/** How long to wait for the slower masters of a Cluster after the first answer. */
const STRAGGLER_MS = 100;

/** Reads the time of one server, in Unix ms rounded down. */
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
 * The servers' time without a command per request: their offset to the monotonic clock of this process. The clock
 * measures it by `TIME` at connect, every minute, and whenever this process slept, its clock was set, or a server
 * contradicted it.
 *
 * The server reads its time somewhere between command and answer, so there are two estimates. Expiry uses the late one,
 * deadlines the early one. A Cluster's masters are all asked and the extremes count: a session ends early by the
 * difference between their clocks, never late.
 */
export class ServerClock {
  private sync: Sync | undefined;
  private syncing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private epoch = 0;
  private distrustedAtMs = -Infinity;

  /** @param listServers - Lists the current servers. */
  constructor(
    private readonly listServers: () => readonly ReadServerTime[],
    private readonly local: LocalTime = LOCAL_TIME,
  ) {}

  /** Returns the latest that the servers' time can be now; `undefined` when it has to be measured first. */
  knownLatestMs(): number | undefined {
    const { sync } = this;
    return sync && this.isBelievable(sync) ? this.local.monotonicMs() + sync.highMs : undefined;
  }

  /** Returns the latest that the servers' time can be now. */
  async latestMs(): Promise<number> {
    const { highMs } = await this.offset();
    return this.local.monotonicMs() + highMs;
  }

  /** Returns the earliest that the servers' time can be at a moment of monotonic time. */
  async earliestMsAt(monotonicMs: number): Promise<number> {
    const { lowMs } = await this.offset();
    return monotonicMs + lowMs;
  }

  /** Forgets the offset: another server may answer from now on. */
  forget(): void {
    this.epoch += 1;
    this.sync = undefined;
    this.syncing = undefined;
  }

  /**
   * Forgets the offset after a server contradicted it. At most once a second, since the masters of a Cluster may differ
   * permanently.
   */
  distrust(): void {
    const nowMs = this.local.monotonicMs();
    if (nowMs - this.distrustedAtMs < MIN_DISTRUST_INTERVAL_MS) return;
    this.distrustedAtMs = nowMs;
    this.forget();
  }

  start(): void {
    this.timer = setInterval(() => {
      // After a failure the offset stays until it is too old. Then the next operation measures and reports the error.
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
    throw unavailable("the server's time could not be read");
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
