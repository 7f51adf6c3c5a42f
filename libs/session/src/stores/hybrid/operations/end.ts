import type { AnyRevocation } from '../../../core/ports/hot-sessions.js';
import type {
  ProviderRevocation,
  SessionRevocation,
  TotalRevocation,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import { isUnavailable, RevocationIncompleteError } from '../../../core/session/session-errors.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import type { HybridSides } from '../sides/hybrid-sides.js';
import type { HotSweeper } from '../upkeep/hot-sweeper.js';

/**
 * Ends sessions: commit on the durable side, then drop the hot copies and their leases, then resolve.
 *
 * When a side does not answer, the other one keeps a durable mark, which the sweeper of every instance works off, and the
 * call rejects with `RevocationIncompleteError`. When neither answers, the call rejects and leaves no mark.
 */
export class HybridSessionRevoker {
  constructor(
    private readonly sides: HybridSides,
    private readonly sweeper: HotSweeper,
  ) {}

  async revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    const { hot, durable } = this.sides;
    const ended = await this.commit(revocation, durable.revoke(revocation));
    if (ended) await this.finish(hot.drop([ended.id]));
    else await this.finishEarlierRevocation(revocation.id);
    return ended;
  }

  async revokeAll(revocation: UserRevocation): Promise<EndedSession[]> {
    const ended = await this.commit(revocation, this.sides.durable.revokeAll(revocation));
    await this.finish(this.dropUser(revocation.userId, ended));
    return ended;
  }

  async revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    const ended = await this.commit(revocation, this.sides.durable.revokeByIdentityProvider(revocation));
    await this.finish(this.drop(ended));
    await this.finish(this.followEarlierEnds());
    return ended;
  }

  /** Without the durable side nothing is done, and its error is thrown. */
  async revokeEverything(revocation: TotalRevocation): Promise<EndedEverything> {
    const { hot, durable } = this.sides;
    const { epoch, ...ended } = await durable.revokeEverything(revocation);
    await this.finish(hot.advanceEpoch(epoch));
    return ended;
  }

  /** Awaits the commit. When the durable side does not answer, the hot side keeps the revocation instead. */
  private async commit<T>(revocation: AnyRevocation, committing: Promise<T>): Promise<T> {
    const { hot, durable } = this.sides;
    try {
      return await committing;
    } catch (error) {
      if (!isUnavailable(error, durable.name)) throw error;
      // If the hot side does not answer either, its error is thrown: nothing was done at all.
      await hot.keepRevocation(revocation);
      // The hot side cannot tell which of its copies belong to a provider's session, so these are pending as well.
      const pending = 'issuer' in revocation ? `${durable.name} and ${hot.name}` : durable.name;
      throw new RevocationIncompleteError('hybrid', pending, { cause: error });
    }
  }

  /** Awaits what follows the commit. The change is recorded beside the commit, so only hot copies are pending on failure. */
  private async finish(following: Promise<void>): Promise<void> {
    try {
      await following;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      // The hot side may be back before the next sweep, still believing what was revoked. This instance does not.
      this.sides.trust.distrust();
      throw new RevocationIncompleteError('hybrid', this.sides.hot.name, { cause: error });
    }
  }

  private async drop(ended: readonly EndedSession[]): Promise<void> {
    if (ended.length > 0) await this.sides.hot.drop(ended.map(({ id }) => id));
  }

  private async dropUser(userId: string, ended: readonly EndedSession[]): Promise<void> {
    await this.drop(ended);
    // An earlier call may have committed without its caller, or its hot copies, hearing of it.
    await this.sides.hot.unconfirmUser(userId);
  }

  /** A repeated call, after one that was incomplete, finds the session ended although its copy may still be there. */
  private async finishEarlierRevocation(id: string): Promise<void> {
    const { hot, durable } = this.sides;
    const found = await durable.find(id);
    if (!found.live) await this.finish(hot.drop([id]));
  }

  /**
   * An earlier call may have committed without its hot copies hearing of it. The durable side no longer says whose they
   * were, but it records each change until it was followed. What ended with everything is not recorded: the epoch covers it.
   */
  private async followEarlierEnds(): Promise<void> {
    const { hot, durable } = this.sides;
    await this.sweeper.followDurableChanges();
    const epoch = await durable.findEpoch();
    if (epoch > 0) await hot.advanceEpoch(epoch);
  }
}
