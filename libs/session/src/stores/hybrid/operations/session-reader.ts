import type { HotLease, HotPromotion } from '../../../core/ports/hot-sessions.js';
import { KeyedQueue } from '../../../core/support/keyed-queue.js';
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { FindOutcome } from '../../../core/ports/session-store.js';
import type { LiveSession } from '../../../core/session/session-record.js';
import { withAbsentData } from './absent-data.js';
import type { HotTrust } from '../sides/hot-trust.js';
import { callDurable, callHot, type HybridParts } from '../sides/hybrid-parts.js';

const MAX_FILLS = 5;

/**
 * Finds one session: a believed hot copy answers by itself; else the durable side decides, and the hot copy is filled
 * under a lease, so that a fill which overlaps a revoke, a rotation, a flush or a fail-over writes nothing.
 *
 * Fills of one session wait for each other in this process and each looks again first: after a flush a hundred requests
 * cause one fill. They never share an answer, for one that began before a revoke must not serve one that began after.
 */
export class SessionReader {
  private readonly fills = new KeyedQueue();

  constructor(
    private readonly parts: HybridParts,
    private readonly trust: HotTrust,
  ) {}

  async find(id: string): Promise<FindOutcome> {
    try {
      if (!this.trust.isIntact) return await this.findDoubting(id);
      return (await this.readHot(id)) ?? (await this.fills.run(id, () => this.fill(id)));
    } catch (error) {
      if (!isUnavailable(error, this.parts.hot.name)) throw error;
      return this.findDurable(id);
    }
  }

  private async readHot(id: string): Promise<FindOutcome | undefined> {
    const read = await callHot(this.parts, (hot) => hot.read(id));
    if (read.state === 'believed') return { live: true, record: read.record, now: read.now };
    return read.state === 'expired' ? { live: false, reason: 'expired' } : undefined;
  }

  private async fill(id: string): Promise<FindOutcome> {
    for (let attempt = 1; attempt <= MAX_FILLS; attempt++) {
      const read = await this.readHot(id);
      if (read) return read;
      // Asked before anything is written: a token of nobody must leave nothing behind.
      const known = await callDurable(this.parts, (durable) => durable.find(id));
      if (!known.live) return known;
      const lease = await callHot(this.parts, (hot) => hot.lease(id));
      const live = await callDurable(this.parts, (durable) => durable.find(id));
      if (!live.live) return live;
      const promoted = await callHot(this.parts, (hot) => hot.promote(this.promotionOf(lease, live)));
      if (promoted) return { live: true, ...promoted };
      // Another fill or a change took the lease. What stands now has to be looked at again.
    }
    return this.findDurable(id);
  }

  private promotionOf(lease: HotLease, live: LiveSession & { readonly dataVersion: number }): HotPromotion {
    const { durableKeys: keys } = this.parts;
    const promotion = { lease, live, data: live.record.data };
    return keys.length === 0 ? promotion : { ...promotion, durableData: { keys, version: live.dataVersion } };
  }

  /**
   * The durable side says whether it is live. What a copy holds is only its data: one that is believed may be over, and one
   * that is not is filled if the hot side takes that, so that updates find it.
   */
  private async findDoubting(id: string): Promise<FindOutcome> {
    const known = await callDurable(this.parts, (durable) => durable.find(id));
    if (!known.live) return known;
    try {
      const read = await callHot(this.parts, (hot) => hot.read(id));
      if (read.state !== 'believed') return await this.fills.run(id, () => this.fill(id));
      const { data, version } = read.record;
      return { ...known, record: { ...known.record, data, version } };
    } catch (error) {
      if (!isUnavailable(error, this.parts.hot.name)) throw error;
      return { ...known, record: withAbsentData(known.record, this.parts.durableKeys) };
    }
  }

  /** Who it is, without what only the hot side knows. */
  private async findDurable(id: string): Promise<FindOutcome> {
    const found = await callDurable(this.parts, (durable) => durable.find(id));
    return found.live ? { ...found, record: withAbsentData(found.record, this.parts.durableKeys) } : found;
  }
}
