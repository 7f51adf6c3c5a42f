import type { SessionDataChange, UpdateOutcome } from '../../../core/ports/session-store.js';
import { patchData, pickData } from '../../../core/session/session-data.js';
import { isUnavailable, SessionDataUnavailableError } from '../../../core/session/session-errors.js';
import type { HybridSides } from '../sides/hybrid-sides.js';
import type { HybridSessionReader } from './find.js';

/** How often a copy is filled for one update: each drop or fail-over in between either ends the session or settles. */
const MAX_FILLS_TO_UPDATE = 3;

/** Updates data: compare-and-set on the hot copy, which is filled first if need be, then the durable keys follow. */
export class HybridSessionUpdater {
  constructor(
    private readonly sides: HybridSides,
    private readonly reader: HybridSessionReader,
  ) {}

  async update(change: SessionDataChange): Promise<UpdateOutcome> {
    let outcome = await this.updateHot(change);
    for (let fills = 0; !outcome.applied && outcome.reason === 'absent'; fills++) {
      if (fills === MAX_FILLS_TO_UPDATE) {
        throw new SessionDataUnavailableError('hybrid', 'the side that holds the session data confirms no copy');
      }
      // A missing copy says nothing about the session. If the session is live, the find fills one.
      const found = await this.reader.find(change.id);
      if (!found.live) return { applied: false, reason: 'absent' };
      outcome = await this.updateHot(change);
    }
    if (outcome.applied) await this.mergeDurable(change, outcome.record.version);
    return outcome;
  }

  private async updateHot(change: SessionDataChange): Promise<UpdateOutcome> {
    try {
      return await this.sides.hot.update(change);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      throw new SessionDataUnavailableError('hybrid', 'the side that holds the session data does not answer', {
        cause: error,
      });
    }
  }

  private async mergeDurable({ id, data }: SessionDataChange, version: number): Promise<void> {
    const { durable, durableKeys } = this.sides;
    if (durableKeys.length === 0) return;
    await durable.mergeDurableData({ id, version, data: patchData({}, { set: pickData(data, durableKeys) }) });
  }
}
