import type { HotLease, HotPromotion } from '../../../core/ports/hot-sessions.js';
import type { FindOutcome } from '../../../core/ports/session-store.js';
import { isUnavailable } from '../../../core/session/session-errors.js';
import type { LiveSession } from '../../../core/session/session-record.js';
import { KeyedQueue } from '../../../core/support/keyed-queue.js';
import type { HybridSides } from '../sides/hybrid-sides.js';
import { withAbsentData } from './absent-data.js';

const MAX_FILLS = 5;

/**
 * Finds one session. A believed hot copy answers alone. Otherwise the durable side decides, and the hot copy is filled
 * under a lease, so that a fill which overlaps a revoke, a rotation, a flush or a fail-over writes nothing.
 *
 * Fills of one session wait for each other in this process, and each reads again first: after a flush a hundred requests
 * cause one fill. They never share an answer, because one that began before a revoke must not serve a request that began
 * after it.
 */
export class HybridSessionReader {
  private readonly fills = new KeyedQueue();

  constructor(private readonly sides: HybridSides) {}

  async find(id: string): Promise<FindOutcome> {
    try {
      if (!this.sides.trust.isIntact) return await this.findWithoutTrust(id);
      return (await this.readHot(id)) ?? (await this.fills.run(id, () => this.fill(id)));
    } catch (error) {
      if (!isUnavailable(error, this.sides.hot.name)) throw error;
      return this.findDurable(id);
    }
  }

  /** @returns `undefined` when there is no copy to believe. */
  private async readHot(id: string): Promise<FindOutcome | undefined> {
    const read = await this.sides.hot.read(id);
    if (read.state === 'believed') return { live: true, record: read.record, now: read.now };
    return read.state === 'expired' ? { live: false, reason: 'expired' } : undefined;
  }

  private async fill(id: string): Promise<FindOutcome> {
    const { hot, durable } = this.sides;
    for (let attempt = 1; attempt <= MAX_FILLS; attempt++) {
      const read = await this.readHot(id);
      if (read) return read;
      // The durable side is asked before anything is written: an unknown id must leave nothing behind.
      const known = await durable.find(id);
      if (!known.live) return known;
      const lease = await hot.lease(id);
      const live = await durable.find(id);
      if (!live.live) return live;
      const promoted = await hot.promote(this.promotionOf(lease, live));
      if (promoted) return { live: true, ...promoted };
      // Another fill or a change took the lease, so the next round reads what holds now.
    }
    return this.findDurable(id);
  }

  private promotionOf(lease: HotLease, live: LiveSession & { readonly dataVersion: number }): HotPromotion {
    const { durableKeys: keys } = this.sides;
    const promotion = { lease, live, data: live.record.data };
    return keys.length === 0 ? promotion : { ...promotion, durableData: { keys, version: live.dataVersion } };
  }

  /**
   * The durable side decides whether the session is live, because a believed copy may belong to one that has ended. The
   * copy gives only its data. One that is not believed is filled, if the hot side accepts that, so that updates find it.
   */
  private async findWithoutTrust(id: string): Promise<FindOutcome> {
    const { hot, durable, durableKeys } = this.sides;
    const known = await durable.find(id);
    if (!known.live) return known;
    try {
      const read = await hot.read(id);
      if (read.state !== 'believed') return await this.fills.run(id, () => this.fill(id));
      const { data, version } = read.record;
      return { ...known, record: { ...known.record, data, version } };
    } catch (error) {
      if (!isUnavailable(error, hot.name)) throw error;
      return { ...known, record: withAbsentData(known.record, durableKeys) };
    }
  }

  /** Finds the session with no more of its data than the durable side holds. */
  private async findDurable(id: string): Promise<FindOutcome> {
    const found = await this.sides.durable.find(id);
    return found.live ? { ...found, record: withAbsentData(found.record, this.sides.durableKeys) } : found;
  }
}
