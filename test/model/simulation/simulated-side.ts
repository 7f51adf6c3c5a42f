import { SessionStoreUnavailableError } from '../../../libs/session/src/core/session-errors.js';
import type { SeededRandom } from './random.js';
import type { Scheduler } from './scheduler.js';

/** What a backend does with the calls that reach it. */
export type Condition = 'up' | 'down' | 'losing answers';

/** A backend that all instances share: effects are atomic, everything around them can be interleaved and go wrong. */
export abstract class SimulatedSide {
  condition: Condition = 'up';

  constructor(
    readonly name: string,
    private readonly scheduler: Scheduler,
    private readonly random: SeededRandom,
  ) {}

  /** @param effect - Happens at once, between the two points. */
  protected async call<T>(effect: () => T): Promise<T> {
    await this.scheduler.point();
    if (this.condition === 'down') throw this.unavailable('it is down');
    const result = effect();
    const isAnswerLost = this.condition === 'losing answers' && this.random.chance(0.5);
    await this.scheduler.point();
    if (isAnswerLost) throw this.unavailable('its answer was lost');
    return result;
  }

  private unavailable(problem: string): SessionStoreUnavailableError {
    return new SessionStoreUnavailableError(this.name, problem);
  }
}
