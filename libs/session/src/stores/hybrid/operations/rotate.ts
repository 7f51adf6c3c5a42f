import type { RotateOutcome, SessionRotation } from '../../../core/ports/session-store.js';
import { isUnavailable, RevocationIncompleteError } from '../../../core/session/session-errors.js';
import { ignoreOutage, type HybridSides } from '../sides/hybrid-sides.js';
import type { HybridSessionReader } from './find.js';

/**
 * Replaces token hashes: commit on the durable side, then stop belief in the hot copy, so that the next read confirms it
 * with the new hash. The rotation itself writes nothing into the copy: a slow one could overwrite a later one.
 */
export class HybridSessionRotator {
  constructor(
    private readonly sides: HybridSides,
    private readonly reader: HybridSessionReader,
  ) {}

  async rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    const { hot, durable } = this.sides;
    // Without the durable side nothing can be committed, so the copy keeps its belief and goes on answering.
    durable.assertReachable();
    // Belief stops before the commit as well: while the hot side does not answer, a rotation fails with nothing changed.
    await hot.unconfirm([rotation.id]);
    const rotated = await durable.rotate(rotation);
    if (!rotated.applied) return rotated;
    try {
      await this.followOnHot(rotation, rotated);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.sides.trust.distrust();
      if (canBeUndone(rotation)) await this.undo(rotation);
      throw new RevocationIncompleteError('hybrid', hot.name, { cause: error });
    }
    const found = await this.reader.find(rotation.id);
    return found.live ? { ...rotated, record: found.record, now: found.now } : rotated;
  }

  private async followOnHot({ id, endOthers }: SessionRotation, rotated: AppliedRotation): Promise<void> {
    const { hot } = this.sides;
    await hot.unconfirm([id]);
    if (rotated.ended.length > 0) await hot.drop(rotated.ended.map((one) => one.id));
    const { userId } = rotated.record;
    // An earlier call may have ended some of the others without their hot copies hearing of it.
    if (endOthers && userId !== null) await hot.unconfirmUser(userId);
  }

  /** Puts the old token back: the new one will not be delivered. If the durable side is away, the new one stays. */
  private async undo({ id, expectedTokenHash, tokenHash }: SessionRotation): Promise<void> {
    const back: SessionRotation = { id, expectedTokenHash: tokenHash, tokenHash: expectedTokenHash, cause: 'rehash' };
    await this.sides.durable.rotate(back).catch(ignoreOutage);
  }
}

type AppliedRotation = Extract<RotateOutcome, { readonly applied: true }>;

/**
 * A renewal or a rehash is not undone: a reader may already have handed out the token that it made valid. Nor is a
 * rotation that proves an identity or changes credentials: the old token must not gain more than it was issued for (I7).
 * There the client has to sign in again.
 */
function canBeUndone({ cause, authentication, endOthers }: SessionRotation): boolean {
  return cause === 'rotation' && !authentication && !endOthers;
}
