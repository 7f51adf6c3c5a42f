import { CircuitBreaker } from '#src/stores/hybrid/sides/circuit-breaker.js';
import { assembleHybrid } from '#src/stores/hybrid/store/assemble-hybrid.js';
import type { HybridSessionStore } from '#src/stores/hybrid/store/hybrid-session.store.js';
import type { HotSweeper } from '#src/stores/hybrid/upkeep/hot-sweeper.js';
import { Ledger } from './ledger.js';
import { DURABLE_KEY } from './operation.js';
import { SeededRandom } from './random.js';
import { Scheduler } from './scheduler.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedDurable } from './simulated-durable.js';
import { SimulatedHot } from './simulated-hot.js';
import { SimulatedRedis } from './simulated-redis.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

const BREAKER_PERIOD_MS = 20;
const SILENT = { debug() {}, log() {}, warn() {}, error() {} };

export interface Instance {
  readonly store: HybridSessionStore;
  readonly sweeper: HotSweeper;
  readonly hot: SimulatedHot;
}

/** Instances of the hybrid store on the same two simulated sides. */
export class World {
  readonly random: SeededRandom;
  readonly clock = new SimulatedClock();
  readonly scheduler: Scheduler;
  readonly redis = new SimulatedRedis();
  readonly durable: SimulatedDurable;
  readonly ledger = new Ledger();
  readonly instances: Instance[];
  private readonly started: Instance[] = [];
  private readonly starting = new Set<Instance>();
  private serial = 0;
  /** The highest epoch whose end of everything was acknowledged. */
  private endedEpoch = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    this.scheduler = new Scheduler(this.random, this.clock);
    this.durable = new SimulatedDurable(this);
    this.instances = [this.openInstance(), this.openInstance()];
  }

  /** Replaces an instance. Calls made to the old one go on: their commands are on their way. */
  async replaceInstance(index: number): Promise<void> {
    // A new instance knows least.
    if (this.random.chance(0.3)) this.loseEpoch(() => this.redis.evictEpoch());
    const instance = this.openInstance();
    this.started.push(instance);
    this.starting.add(instance);
    await instance.store.start().finally(() => this.starting.delete(instance));
    this.instances[index] = instance;
  }

  nextSerial(): number {
    return (this.serial += 1);
  }

  everythingEnded(): void {
    this.endedEpoch = this.durable.epoch;
  }

  injectFault(): void {
    const { redis, durable } = this;
    const conditions = ['down', 'losing answers', 'up', 'up', 'up', 'up'] as const;
    const faults = [
      ...conditions.map((condition) => () => (redis.link.condition = condition)),
      ...conditions.map((condition) => () => (durable.link.condition = condition)),
      () => redis.replicate(),
      () => redis.replicate(),
      () => this.loseHot(() => redis.failOver()),
      () => this.loseHot(() => redis.failOver()),
      () => this.loseHot(() => redis.flushAll()),
      () => this.loseEpoch(() => redis.failOverEpoch()),
      () => this.loseEpoch(() => redis.evictEpoch()),
      () => this.loseEpoch(() => redis.evictEpoch()),
      () => this.deleteRow(),
    ];
    this.random.pick(faults)();
  }

  heal(): void {
    this.redis.link.condition = 'up';
    this.durable.link.condition = 'up';
  }

  passBreakerPeriod(): void {
    this.clock.nowMs += 10 * BREAKER_PERIOD_MS;
  }

  close(): void {
    for (const { sweeper } of this.started) void sweeper.stop();
  }

  private openInstance(): Instance {
    const breaker = (name: string) =>
      new CircuitBreaker({ name, threshold: 1, periodMs: BREAKER_PERIOD_MS, nowMs: () => this.clock.nowMs });
    const hot = new SimulatedHot(this.redis, this);
    const { store, sweeper } = assembleHybrid({
      hot,
      durable: this.durable,
      hotBreaker: breaker('redis'),
      durableBreaker: breaker('postgres'),
      durableKeys: [DURABLE_KEY],
      logger: SILENT,
      sweepIntervalMs: HOUR_MS,
      reconcileIntervalMs: false,
    });
    return { store, sweeper, hot };
  }

  private loseHot(lose: () => void): void {
    lose();
    this.ledger.dataLost();
  }

  /** Not promised: that an acknowledged end of everything holds on an instance which the loss of the key kept from it. */
  private loseEpoch(lose: () => void): void {
    const all = [...this.instances, ...this.starting];
    if (all.every(({ hot }) => hot.epoch.known >= this.endedEpoch)) lose();
  }

  private deleteRow(): void {
    const id = this.ledger.pickKnown(this.random);
    if (!id) return;
    this.durable.deleteRow(id);
    this.ledger.ending((session) => session.id === id)();
  }
}
