import type { SeededRandom } from './random.js';

interface Actor {
  priority: number;
}

interface Waiting {
  readonly actor: Actor;
  readonly goOn: () => void;
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

  constructor(private readonly random: SeededRandom) {
    this.usesPriorities = random.chance(0.5);
  }

  /** Starts work that is an actor of its own. */
  runActor<T>(work: () => Promise<T>): Promise<T> {
    this.current = { priority: this.random.next() };
    return work();
  }

  point(): Promise<void> {
    const actor = this.current;
    return new Promise((goOn) => this.waiting.push({ actor, goOn }));
  }

  get isIdle(): boolean {
    return this.waiting.length === 0;
  }

  /** Lets one go on and waits until everything that follows from it has come to rest at points again. */
  async step(): Promise<void> {
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
    const index = this.random.below(this.waiting.length);
    if (!this.usesPriorities) return index;
    const picked = this.waiting[index];
    if (picked && this.random.chance(PRIORITY_CHANGE)) picked.actor.priority = this.random.next();
    const highest = Math.max(...this.waiting.map(({ actor }) => actor.priority));
    return this.waiting.findIndex(({ actor }) => actor.priority === highest);
  }
}
