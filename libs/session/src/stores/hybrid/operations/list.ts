import type { SessionList, SessionListQuery } from '../../../core/ports/session-store.js';
import { containsJson } from '../../../core/session/session-data.js';
import type { HybridSides } from '../sides/hybrid-sides.js';
import type { HybridSessionReader } from './find.js';
import type { HybridTouchForwarder } from './touch.js';

/**
 * Lists from the durable side, never from the copies that the hot side happens to hold, and finds each session exactly
 * as a request with its token would. These finds start together, so they take one round trip to each side.
 */
export class HybridSessionLister {
  constructor(
    private readonly sides: HybridSides,
    private readonly reader: HybridSessionReader,
    private readonly touches: HybridTouchForwarder,
  ) {}

  async listByUser({ userId, dataContains = {} }: SessionListQuery): Promise<SessionList> {
    const { durable } = this.sides;
    durable.assertReachable();
    // Without activity that is still on its way, a live session could look expired.
    await this.touches.flush();
    const { records, now } = await durable.listByUser({ userId });
    const found = await Promise.all(records.map(({ id }) => this.reader.find(id)));
    const live = found.filter((one) => one.live);
    return {
      records: live.map(({ record }) => record).filter(({ data }) => containsData(data, dataContains)),
      now: live[0]?.now ?? now,
    };
  }
}

/** Compares key by key, so that a query by durable keys works while the hot side does not answer. */
function containsData(data: Record<string, unknown>, part: Record<string, unknown>): boolean {
  return Object.entries(part).every(([key, wanted]) => key in data && containsJson(data[key], wanted));
}
