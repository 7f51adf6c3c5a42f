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
 * Decides who goes on next. Whatever reaches a backend waits at a point before its effect and at another before its
 * answer; the scheduler lets one of those that wait go on at a time.
 *
 * Half of the seeds choose among all alike. The others give every actor a priority that rarely changes (probabilistic
 * concurrency testing), because some races need one actor to make many steps while another makes none.
 */
export class Scheduler {
  private readonly waiting: Waiting[] = [];
  /** Whoever goes on: all points reached until the next step are this actor's, for nobody else was woken. */
  private current: Actor = { priority: 0 };
  private readonly usesPriorities: boolean;

  constructor(
    private readonly random: SeededRandom,
    private readonly clock: SimulatedClock,
  ) {
    this.usesPriorities = random.chance(0.5);
  }

  /** Starts work that is an actor of its own. */
  runActor<T>(work: () => Promise<T>): Promise<T> {
    this.current = { priority: this.random.next() };
    return work();
  }

  point(): Promise<void> {
    return this.pointAfter(0);
  }

  /** A point that nobody goes on from before so many ms have passed. */
  pointAfter(ms: number): Promise<void> {
    const actor = this.current;
    const notBeforeMs = this.clock.nowMs + ms;
    return new Promise((goOn) => this.waiting.push({ actor, goOn, notBeforeMs }));
  }

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** Lets one go on and waits until everything that follows from it has come to rest at points again. */
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

  /** A turn of the event loop: all promises that can settle without a point have settled then. */
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
