import type { HotPromotion } from '../../../core/ports/hot-sessions.js';
import { pickData } from '../../../core/session/session-data.js';
import { isUnavailable, SessionDataUnavailableError } from '../../../core/session/session-errors.js';
import type { CreateOutcome, NewSession } from '../../../core/ports/session-store.js';
import type { LiveSession } from '../../../core/session/session-record.js';
import { withAbsentData } from './absent-data.js';
import { callDurable, callHot, type HybridParts } from '../sides/hybrid-parts.js';

/** Somebody who lists the user's sessions, or wants the same id, may be faster a few times in a row. */
const MAX_PROMOTIONS = 10;

/**
 * Creates sessions: lease, insert on the durable side (which decides about the limit), promote. The token leaves only
 * when this resolved, so a crash in between leaves a session that nobody can use.
 */
export class SessionCreator {
  constructor(private readonly parts: HybridParts) {}

  async create(session: NewSession): Promise<CreateOutcome> {
    const durableData = pickData(session.data, this.parts.durableKeys);
    const needsHot = Object.keys(durableData).length < Object.keys(session.data).length;
    const lease = await callHot(this.parts, (hot) => hot.lease(session.id)).catch((error: unknown) => {
      if (needsHot || !isUnavailable(error)) throw error;
      return undefined;
    });
    const created = await callDurable(this.parts, (durable) => durable.create({ ...session, data: durableData }));
    if (!created.created) {
      // Whoever got the id may hold the lease by now.
      if (lease && created.reason !== 'id-taken') await this.giveBackLease(session.id);
      return created;
    }
    await this.dropEnded(created.ended.map(({ id }) => id));
    const live = { record: created.record, now: created.now };
    if (!lease) return { ...created, record: withAbsentData(created.record, this.parts.durableKeys) };
    try {
      let promoted = await callHot(this.parts, (hot) => hot.promote({ lease, live, data: session.data, isNew: true }));
      for (let attempt = 1; !promoted && attempt <= MAX_PROMOTIONS; attempt++) {
        const again = await callHot(this.parts, (hot) => hot.lease(session.id));
        const found = await callDurable(this.parts, (durable) => durable.find(session.id));
        // Revoked by somebody who was faster than this answer: created and over.
        if (!found.live) return created;
        promoted = await this.promoteAgain({ lease: again, live: found, data: session.data });
      }
      if (promoted) return { ...created, ...promoted };
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    }
    if (!needsHot) return { ...created, record: withAbsentData(created.record, this.parts.durableKeys) };
    return this.giveUp(session.id);
  }

  /**
   * Somebody who lists the user's sessions may have filled the copy meanwhile, without what only this knows of the data.
   * A promotion keeps a copy's data, so they are set after it. Nobody else can have: the token has not left.
   */
  private async promoteAgain(promotion: HotPromotion): Promise<LiveSession | undefined> {
    const promoted = await callHot(this.parts, (hot) => hot.promote(promotion));
    if (!promoted) return undefined;
    const change = { id: promoted.record.id, expectedVersion: promoted.record.version, data: promotion.data };
    const updated = await callHot(this.parts, (hot) => hot.update(change));
    return updated.applied ? { record: updated.record, now: updated.now } : undefined;
  }

  /** The data could not be kept anywhere, so the session must not begin without it. Its token never left. */
  private async giveUp(id: string): Promise<never> {
    await callDurable(this.parts, (durable) => durable.revoke({ id, reason: 'revoked', endedBy: null }));
    throw new SessionDataUnavailableError('hybrid', 'the new session was undone because its data could not be stored');
  }

  /** A lease left behind does no harm, so an outage is none either. */
  private async giveBackLease(id: string): Promise<void> {
    await callHot(this.parts, (hot) => hot.unconfirm([id])).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
    });
  }

  /** If the hot side does not answer now, the change recorded beside the commit lets the sweeper drop them. */
  private async dropEnded(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await callHot(this.parts, (hot) => hot.drop(ids)).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
      this.parts.logger.warn(`${ids.length} replaced or evicted sessions leave the hot side at the next sweep`);
    });
  }
}
