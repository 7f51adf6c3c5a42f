import type { AnyRevocation, HotSessions } from '../../../core/ports/hot-sessions.js';
import { isUnavailable, RevocationIncompleteError } from '../../../core/session/session-errors.js';
import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import type {
  ProviderRevocation,
  SessionRevocation,
  TotalRevocation,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import type { HotSweeper } from '../upkeep/hot-sweeper.js';
import type { HotTrust } from '../sides/hot-trust.js';
import { callDurable, callHot, type HybridParts } from '../sides/hybrid-parts.js';

/**
 * Ends sessions: commit on the durable side, then drop the hot copies and their leases, then resolve. A side that does
 * not answer leaves a durable mark on the other one, which the sweeper of every instance works off, and the call rejects.
 */
export class SessionRevoker {
  constructor(
    private readonly parts: HybridParts,
    private readonly sweeper: HotSweeper,
    private readonly trust: HotTrust,
  ) {}

  async revoke(revocation: SessionRevocation): Promise<EndedSession | undefined> {
    const ended = await this.commit(() => callDurable(this.parts, (durable) => durable.revoke(revocation)), revocation);
    if (ended) await this.finishHot((hot) => hot.drop([ended.id]));
    else await this.finishEarlierRevocation(revocation.id);
    return ended;
  }

  async revokeAll(revocation: UserRevocation): Promise<EndedSession[]> {
    const ended = await this.commit(
      () => callDurable(this.parts, (durable) => durable.revokeAll(revocation)),
      revocation,
    );
    await this.finishHot(async (hot) => {
      if (ended.length > 0) await hot.drop(ended.map(({ id }) => id));
      // An earlier call may have committed without its caller or its hot copies hearing of it.
      await hot.unconfirmUser(revocation.userId);
    });
    return ended;
  }

  async revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    const ended = await this.commit(
      () => callDurable(this.parts, (durable) => durable.revokeByIdentityProvider(revocation)),
      revocation,
    );
    if (ended.length > 0) await this.finishHot((hot) => hot.drop(ended.map(({ id }) => id)));
    await this.finish(async () => {
      // An earlier call may have committed without its hot copies hearing of it. Whose they were is no longer asked for,
      // but until they are gone the change is recorded. Of what ended with everything none is: that is in the epoch.
      await this.sweeper.followDurableChanges();
      const epoch = await callDurable(this.parts, (durable) => durable.findEpoch());
      if (epoch > 0) await callHot(this.parts, (hot) => hot.advanceEpoch(epoch));
    });
    return ended;
  }

  /** With Postgres away nothing is done, and its error leaves. */
  async revokeEverything(revocation: TotalRevocation): Promise<EndedEverything> {
    const { epoch, ...ended } = await callDurable(this.parts, (durable) => durable.revokeEverything(revocation));
    await this.finishHot((hot) => hot.advanceEpoch(epoch));
    return ended;
  }

  private async commit<T>(commit: () => Promise<T>, revocation: AnyRevocation): Promise<T> {
    try {
      return await commit();
    } catch (error) {
      if (!isUnavailable(error, this.parts.durable.name)) throw error;
      // If the hot side does not answer either, its error leaves: nothing at all was done then.
      await callHot(this.parts, (hot) => hot.keepRevocation(revocation));
      throw new RevocationIncompleteError('hybrid', this.pendingIn(revocation), { cause: error });
    }
  }

  /** What was kept instead of committed: the hot side cannot tell which of its copies rest on a provider's session. */
  private pendingIn(revocation: AnyRevocation): string {
    const { durable, hot } = this.parts;
    return 'issuer' in revocation ? `${durable.name} and ${hot.name}` : durable.name;
  }

  /** The commit stands and the change is recorded beside it: only the hot copies are pending if this fails. */
  private async finishHot(finish: (hot: HotSessions) => Promise<void>): Promise<void> {
    await this.finish(() => callHot(this.parts, finish));
  }

  private async finish(finish: () => Promise<void>): Promise<void> {
    try {
      await finish();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      // The hot side may be back before a sweep is, still believing what was revoked: not here.
      this.trust.doubt();
      throw new RevocationIncompleteError('hybrid', this.parts.hot.name, { cause: error });
    }
  }

  /** A call that is made again after it was incomplete finds the session ended, but its copy may still be there. */
  private async finishEarlierRevocation(id: string): Promise<void> {
    const found = await callDurable(this.parts, (durable) => durable.find(id));
    if (!found.live) await this.finishHot((hot) => hot.drop([id]));
  }
}
