import { assertProviderSession } from '../authentication/session-authentication.js';
import { normalizeActor } from '../client/client-details.js';
import type { SessionEvents } from '../events/session-events.js';
import type { SessionStore } from '../ports/session-store.js';
import { SessionArgumentError } from '../session/session-errors.js';
import { assertUserId, isSessionId } from '../session/session-id.js';
import { assertEndReason, type EndedEverything, type EndedSession } from '../session/session-record.js';
import type { Session } from '../session/session.js';
import type { ProviderLogout, RevokeOptions } from './session-service.interface.js';

/** Ends sessions in the store and emits each end afterwards. `SessionService` documents the methods. */
export class SessionRevocations {
  constructor(
    private readonly store: SessionStore,
    private readonly events: SessionEvents,
  ) {}

  async revoke(id: string, options: RevokeOptions & { userId?: string } = {}): Promise<boolean> {
    if (!isSessionId(id)) return false;
    assertGivenUser(options);
    const { userId, reason = 'revoked' } = options;
    assertEndReason(reason);
    const ended = await this.store.revoke({ id, userId, reason, endedBy: normalizeActor(options.endedBy) });
    if (ended) this.events.emit('ended', ended);
    return ended !== undefined;
  }

  async revokeOthers(
    keep: Pick<Session, 'id' | 'userId'>,
    options: RevokeOptions = {},
  ): Promise<readonly EndedSession[]> {
    if (keep.userId === null) throw new SessionArgumentError('an anonymous session has no others to revoke');
    return this.revokeAll(keep.userId, { ...options, exceptId: keep.id });
  }

  async revokeAll(
    userId: string,
    options: RevokeOptions & { exceptId?: string } = {},
  ): Promise<readonly EndedSession[]> {
    assertUserId(userId);
    const { reason = 'revoked' } = options;
    assertEndReason(reason);
    const endedBy = normalizeActor(options.endedBy);
    const exceptId = isSessionId(options.exceptId) ? options.exceptId : undefined;
    return this.announce(await this.store.revokeAll({ userId, exceptId, reason, endedBy }));
  }

  async revokeByIdentityProvider(logout: ProviderLogout): Promise<readonly EndedSession[]> {
    assertProviderSession(logout);
    assertGivenUser(logout);
    const { issuer, sessionId, userId } = logout;
    const endedBy = normalizeActor(logout.endedBy);
    const revocation = { issuer, sessionId, userId, reason: 'idp-logout', endedBy } as const;
    return this.announce(await this.store.revokeByIdentityProvider(revocation));
  }

  async revokeEverything(options: RevokeOptions & { before?: Date } = {}): Promise<EndedEverything> {
    const { before, reason = 'admin' } = options;
    if (before !== undefined && !(before instanceof Date && before.getTime() >= 0)) {
      throw new SessionArgumentError('before must be a valid Date');
    }
    const endedBy = normalizeActor(options.endedBy);
    const ended = await this.store.revokeEverything({ before, reason, endedBy });
    this.events.emit('everything-ended', ended);
    return ended;
  }

  private announce(ended: readonly EndedSession[]): readonly EndedSession[] {
    for (const session of ended) this.events.emit('ended', session);
    return ended;
  }
}

/** An explicit `userId: undefined` is a caller's bug: reject it rather than revoke anyone's session. */
function assertGivenUser(options: { readonly userId?: string }): void {
  if ('userId' in options) assertUserId(options.userId);
}
