import type { HotLease, HotPromotion } from '../../../core/ports/hot-sessions.js';
import type { CreateOutcome, NewSession } from '../../../core/ports/session-store.js';
import { pickData } from '../../../core/session/session-data.js';
import { isUnavailable, SessionDataUnavailableError } from '../../../core/session/session-errors.js';
import type { EndedSession, LiveSession } from '../../../core/session/session-record.js';
import { ignoreOutage, type HybridSides } from '../sides/hybrid-sides.js';
import { withAbsentData } from './absent-data.js';

/** A call that lists the user's sessions, or wants the same id, may take the lease a few times in a row. */
const MAX_PROMOTIONS = 10;

/**
 * Creates sessions: lease, insert on the durable side (which enforces the limit), promote.
 *
 * The token leaves only after that, so a crash in between leaves a session that no client can use. Without the hot side a
 * session can be created only if the durable side holds all its data.
 */
export class HybridSessionCreator {
  constructor(private readonly sides: HybridSides) {}

  async create(session: NewSession): Promise<CreateOutcome> {
    const { durable, durableKeys } = this.sides;
    const durableData = pickData(session.data, durableKeys);
    const needsHot = Object.keys(durableData).length < Object.keys(session.data).length;
    const lease = await this.lease(session.id, needsHot);
    const created = await durable.create({ ...session, data: durableData });
    if (!created.created) {
      // When the id is taken, its owner may hold the lease by now.
      if (lease && created.reason !== 'id-taken') await this.giveBackLease(session.id);
      return created;
    }
    await this.dropEnded(created.ended);
    const live = { record: created.record, now: created.now };
    const promoted = lease && (await this.promote(session, lease, live));
    if (promoted) return { ...created, ...promoted };
    if (needsHot) return this.giveUp(session.id);
    return { ...created, record: withAbsentData(created.record, durableKeys) };
  }

  /** @returns `undefined` when the hot side does not answer and this session can do without it. */
  private async lease(id: string, needsHot: boolean): Promise<HotLease | undefined> {
    try {
      return await this.sides.hot.lease(id);
    } catch (error) {
      if (needsHot || !isUnavailable(error)) throw error;
      return undefined;
    }
  }

  /** @returns `undefined` when the hot side stopped answering, or other calls kept taking the lease. */
  private async promote(session: NewSession, lease: HotLease, live: LiveSession): Promise<LiveSession | undefined> {
    const { hot, durable } = this.sides;
    const { id, data } = session;
    try {
      let promoted = await hot.promote({ lease, live, data, isNew: true });
      for (let attempt = 1; !promoted && attempt <= MAX_PROMOTIONS; attempt++) {
        const newLease = await hot.lease(id);
        const found = await durable.find(id);
        // Another call has revoked the session already. It was created all the same.
        if (!found.live) return live;
        promoted = await this.promoteAgain({ lease: newLease, live: found, data });
      }
      return promoted;
    } catch (error) {
      ignoreOutage(error);
      return undefined;
    }
  }

  /**
   * A call that lists the user's sessions may have filled the copy meanwhile, without the data that only this call knows.
   * A promotion keeps a copy's data, so the data is set after it. No other call can have set it: the token has not left.
   */
  private async promoteAgain(promotion: HotPromotion): Promise<LiveSession | undefined> {
    const { hot } = this.sides;
    const promoted = await hot.promote(promotion);
    if (!promoted) return undefined;
    const { id, version: expectedVersion } = promoted.record;
    const updated = await hot.update({ id, expectedVersion, data: promotion.data });
    return updated.applied ? { record: updated.record, now: updated.now } : undefined;
  }

  /** The data could not be stored, so the session must not begin without it. Its token never left. */
  private async giveUp(id: string): Promise<never> {
    await this.sides.durable.revoke({ id, reason: 'revoked', endedBy: null });
    throw new SessionDataUnavailableError('hybrid', 'the new session was undone because its data could not be stored');
  }

  /** An outage is ignored, because a lease left behind does no harm. */
  private async giveBackLease(id: string): Promise<void> {
    await this.sides.hot.unconfirm([id]).catch(ignoreOutage);
  }

  /** If the hot side does not answer now, the sweeper drops the copies: the change is recorded beside the commit. */
  private async dropEnded(ended: readonly EndedSession[]): Promise<void> {
    if (ended.length === 0) return;
    const { hot, logger } = this.sides;
    try {
      await hot.drop(ended.map(({ id }) => id));
    } catch (error) {
      ignoreOutage(error);
      logger.warn(
        `the hot side does not answer: ${ended.length} replaced or evicted sessions leave it at the next sweep`,
      );
    }
  }
}
