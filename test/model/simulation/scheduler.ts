import type { SeededRandom } from './random.js';
import type { SimulatedClock } from './simulated-clock.js';

interface Actor {
  priority: number;
}

interface Waiting {
  readonly actor: Actor;
  readonly goOn: () => void;
  readonly notBeforeMs: number;
}

const PRIORITY_CHANGE = 0.05;

/**
 * Decides which actor goes on next. Each call of a backend waits at one point before its effect and at another before
 * its answer. The scheduler releases one waiting point at a time.
 *
 * Half of the seeds choose among all points with equal chances. The others give every actor a priority that rarely changes
 * (probabilistic concurrency testing): some races need one actor to take many steps while another takes none.
 */
export class Scheduler {
  private readonly waiting: Waiting[] = [];
  /** The actor that goes on. All points reached until the next step belong to it, because no other actor was woken. */
  private current: Actor = { priority: 0 };
  private readonly usesPriorities: boolean;

  constructor(
    private readonly random: SeededRandom,
    private readonly clock: SimulatedClock,
  ) {
    this.usesPriorities = random.chance(0.5);
  }

  /** Starts work as an actor of its own. */
  runActor<T>(work: () => Promise<T>): Promise<T> {
    this.current = { priority: this.random.next() };
    return work();
  }

  point(): Promise<void> {
    return this.pointAfter(0);
  }

  /** A point that is released after this many ms at the earliest. */
  pointAfter(ms: number): Promise<void> {
    const actor = this.current;
    const notBeforeMs = this.clock.nowMs + ms;
    return new Promise((goOn) => this.waiting.push({ actor, goOn, notBeforeMs }));
  }

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** Releases one point and waits until all work that follows from it waits at points again. */
  async step(): Promise<void> {
    if (this.isIdle) return this.settle();
    const [next] = this.waiting.splice(this.pickIndex(), 1);
    if (next) {
      this.current = next.actor;
      next.goOn();
    }
    await this.settle();
  }

  async drain(): Promise<void> {
    await this.settle();
    while (!this.isIdle) await this.step();
  }

  /** Waits for one turn of the event loop: all promises that can settle without a point have settled by then. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  private pickIndex(): number {
    const earliestMs = Math.min(...this.waiting.map(({ notBeforeMs }) => notBeforeMs));
    this.clock.nowMs = Math.max(this.clock.nowMs, earliestMs);
    const ready = this.waiting.filter(({ notBeforeMs }) => notBeforeMs <= this.clock.nowMs);
    const picked = this.random.pick(ready);
    if (!this.usesPriorities) return this.waiting.indexOf(picked);
    if (this.random.chance(PRIORITY_CHANGE)) picked.actor.priority = this.random.next();
    const highest = Math.max(...ready.map(({ actor }) => actor.priority));
    return this.waiting.findIndex((one) => one.actor.priority === highest && ready.includes(one));
  }
}
