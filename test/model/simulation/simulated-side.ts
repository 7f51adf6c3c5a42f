import { SessionStoreUnavailableError } from '#src/core/session/session-errors.js';
import type { SeededRandom } from './random.js';
import type { SimulatedClock } from './simulated-clock.js';
import type { Scheduler } from './scheduler.js';

/** How a backend treats the calls that reach it. */
export type Condition = 'up' | 'down' | 'losing answers';

/** What all parts of a run share. */
export interface SimulatedParts {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly clock: SimulatedClock;
}

/** How all instances reach a server. */
export class Link {
  condition: Condition = 'up';
}

/** A backend that all instances share. Effects are atomic; everything around them can interleave and fail. */
export abstract class SimulatedSide {
  constructor(
    readonly name: string,
    protected readonly parts: SimulatedParts,
    readonly link = new Link(),
  ) {}

  /** @param effect - Runs synchronously, between the two points. */
  async call<T>(effect: () => T): Promise<T> {
    const { scheduler, random } = this.parts;
    await scheduler.point();
    if (this.link.condition === 'down') throw this.unavailable('it is down');
    const result = effect();
    const isAnswerLost = this.link.condition === 'losing answers' && random.chance(0.5);
    await scheduler.point();
    if (isAnswerLost) throw this.unavailable('its answer was lost');
    return result;
  }

  unavailable(problem: string): SessionStoreUnavailableError {
    return new SessionStoreUnavailableError(this.name, problem);
  }
}
