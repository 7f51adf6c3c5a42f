import { isUnavailable, RevocationIncompleteError } from '../../../core/session/session-errors.js';
import type { RotateOutcome, SessionRotation } from '../../../core/ports/session-store.js';
import { callDurable, callHot, type HybridParts } from '../sides/hybrid-parts.js';
import type { HotTrust } from '../sides/hot-trust.js';
import type { SessionReader } from './session-reader.js';

/**
 * Replaces token hashes: commit on the durable side, then stop belief in the hot copy, so that the next read confirms
 * it with the new hash. Nothing is written into the copy here: a slow rotation could overwrite a later one.
 */
export class SessionRotator {
  constructor(
    private readonly parts: HybridParts,
    private readonly reader: SessionReader,
    private readonly trust: HotTrust,
  ) {}

  async rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    // Nothing can be committed, so the copy need not lose belief for it: the hot side goes on answering for the session.
    this.parts.durableBreaker.assertClosed();
    // Before the commit as well: while the hot side does not answer, rotations are refused and nothing has changed.
    await callHot(this.parts, (hot) => hot.unconfirm([rotation.id]));
    const rotated = await callDurable(this.parts, (durable) => durable.rotate(rotation));
    if (!rotated.applied) return rotated;
    try {
      await callHot(this.parts, (hot) => hot.unconfirm([rotation.id]));
      const ended = rotated.ended.map(({ id }) => id);
      if (ended.length > 0) await callHot(this.parts, (hot) => hot.drop(ended));
      const { userId } = rotated.record;
      // Another call may have ended some of the others already, without their hot copies having heard of it.
      if (rotation.endOthers && userId !== null) await callHot(this.parts, (hot) => hot.unconfirmUser(userId));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.trust.doubt();
      // After a renewal or a rehash a reader may have given somebody the token that it made valid. And what was proved or
      // changed with the rotation stands: the old token must not come to more than it was given for (I7).
      if (rotation.cause === 'rotation' && !rotation.authentication && !rotation.endOthers) await this.undo(rotation);
      throw new RevocationIncompleteError('hybrid', this.parts.hot.name, { cause: error });
    }
    const found = await this.reader.find(rotation.id);
    return found.live ? { ...rotated, record: found.record, now: found.now } : rotated;
  }

  /**
   * The new token will not be delivered, so the client keeps the old one if that is still possible. After a step-up or a
   * change of credentials it is not: the client has to sign in again.
   */
  private async undo({ id, expectedTokenHash, tokenHash }: SessionRotation): Promise<void> {
    await callDurable(this.parts, (durable) =>
      durable.rotate({ id, expectedTokenHash: tokenHash, tokenHash: expectedTokenHash, cause: 'rehash' }),
    ).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
    });
  }
}
