import assert from 'node:assert/strict';
import { SessionStoreUnavailableError } from '#src/core/session/session-errors.js';
import { checkHealed, checkStep } from './checks.js';
import type { Covered } from './operation.js';
import { pickOperation } from './operations.js';
import { World } from './world.js';

const MOVES = 160;
const MAX_IN_FLIGHT = 6;
/** No two moves share a ms, so that a call that began after an answer began later. */
const LEAST_MOVE_MS = 2;

/**
 * One run: two instances of the hybrid store on the same two simulated sides. Operations start at random, their steps
 * interleave at random, faults occur at random, and every answer is checked against the promises in the ledger.
 *
 * @throws {AssertionError} A promise was broken. The same seed breaks it again.
 */
export async function simulate(seed: number): Promise<Covered> {
  const world = new World(seed);
  const realNow = performance.now.bind(performance);
  // The time that the store measures by itself passes as it does in the run.
  performance.now = () => world.clock.nowMs;
  try {
    return await new Simulation(seed, world).run();
  } finally {
    performance.now = realNow;
    world.close();
  }
}

class Simulation {
  private readonly inFlight = new Set<Promise<void>>();
  private readonly covered: Covered = {
    operations: 0,
    outages: 0,
    accepted: 0,
    ghosts: 0,
    stale: 0,
    behind: 0,
    everything: 0,
    byProvider: 0,
    rotations: { rotation: 0, renewal: 0, rehash: 0 },
  };
  private broken: unknown;

  constructor(
    private readonly seed: number,
    private readonly world: World,
  ) {}

  async run(): Promise<Covered> {
    const { world } = this;
    const { random, scheduler, clock } = world;
    for (let move = 0; move < MOVES && !this.broken; move++) {
      clock.nowMs += LEAST_MOVE_MS + random.below(4);
      if (random.chance(0.06)) world.injectFault();
      else if (this.inFlight.size < MAX_IN_FLIGHT && random.chance(0.4)) this.startOperation();
      else if (!scheduler.isIdle) await scheduler.step();
      checkStep(world);
    }
    await this.heal();
    if (this.broken) throw this.broken;
    await checkHealed(world, (work) => this.finish(work));
    return { ...this.covered, behind: world.redis.behind };
  }

  private startOperation(): void {
    const operation = pickOperation(this.world, this.covered);
    this.covered.operations += 1;
    const settled = this.world.scheduler
      .runActor(operation)
      .catch((error: unknown) => {
        if (error instanceof SessionStoreUnavailableError) this.covered.outages += 1;
        else this.broken ??= error;
      })
      .finally(() => this.inFlight.delete(settled));
    this.inFlight.add(settled);
  }

  /** Brings both sides up again, lets pending operations finish, and lets all instances sweep. */
  private async heal(): Promise<void> {
    const { world } = this;
    world.heal();
    await this.finish(Promise.all(this.inFlight));
    await world.scheduler.drain();
    world.passBreakerPeriod();
    for (const { store, sweeper } of world.instances) {
      await this.finish(store.flush());
      await this.finish(sweeper.sweep());
    }
  }

  private async finish<T>(work: Promise<T>): Promise<T> {
    const { scheduler } = this.world;
    let isSettled = false;
    const watched = work.finally(() => (isSettled = true));
    watched.catch(() => undefined);
    await scheduler.settle();
    while (!isSettled) {
      assert(!scheduler.isIdle, `seed ${this.seed}: work is waiting for something that will not come`);
      await scheduler.step();
    }
    return watched;
  }
}
