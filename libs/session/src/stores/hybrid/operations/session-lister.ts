import { containsJson } from '../../../core/session/session-data.js';
import type { SessionList, SessionListQuery } from '../../../core/ports/session-store.js';
import { callDurable, type HybridParts } from '../sides/hybrid-parts.js';
import type { SessionReader } from './session-reader.js';
import type { TouchForwarder } from './touch-forwarder.js';

/**
 * Lists from the durable side, never from what the hot side happens to hold, and asks about each session exactly as a
 * request with its token would. Those questions leave together: they are one round trip to each side.
 */
export class SessionLister {
  constructor(
    private readonly parts: HybridParts,
    private readonly helpers: { readonly reader: SessionReader; readonly touches: TouchForwarder },
  ) {}

  async listByUser({ userId, dataContains = {} }: SessionListQuery): Promise<SessionList> {
    const { records, now } = await callDurable(this.parts, async (durable) => {
      // Activity that is still on its way could make a session look over that is not.
      await this.helpers.touches.flush();
      return durable.listByUser({ userId });
    });
    const found = await Promise.all(records.map(({ id }) => this.helpers.reader.find(id)));
    const live = found.filter((one) => one.live);
    return {
      records: live.map(({ record }) => record).filter(({ data }) => containsData(data, dataContains)),
      now: live[0]?.now ?? now,
    };
  }
}

/** Key by key, so that durable keys can be asked for while the hot side does not answer. */
function containsData(data: Record<string, unknown>, part: Record<string, unknown>): boolean {
  return Object.entries(part).every(([key, wanted]) => key in data && containsJson(data[key], wanted));
}
