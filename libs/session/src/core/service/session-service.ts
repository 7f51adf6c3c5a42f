import type { AuthenticationInput } from '../authentication/session-authentication.js';
import type { SessionClient } from '../client/client-details.js';
import type { SessionEvents } from '../events/session-events.js';
import type { Duration } from '../session/duration.js';
import {
  assertStorableData,
  patchData,
  type JsonObject,
  type SessionData,
  type SessionDataPatch,
} from '../session/session-data.js';
import { assertUserId, isSessionId } from '../session/session-id.js';
import type { EndedEverything, EndedSession } from '../session/session-record.js';
import { compareByActivity, outcomeOf, type Session } from '../session/session.js';
import type { CredentialChangeInput } from './credential-change.js';
import type { CreatedSession, CreateSession } from './session-creator.js';
import type { SessionServiceParts } from './session-service-parts.js';
import type {
  AuthenticateOutcome,
  ProviderLogout,
  RevokeOptions,
  RotatedSession,
} from './session-service.interface.js';
import { toSession } from './to-session.js';

export type { CreatedSession, CreateSession } from './session-creator.js';

/**
 * Sessions without HTTP. Every method rejects with `SessionStoreUnavailableError` when the store does not answer, which
 * says nothing about any session.
 */
export class SessionService {
  constructor(private readonly parts: SessionServiceParts) {}

  /** The events of all sessions. Each is emitted after the store has stored the change. */
  get events(): SessionEvents {
    return this.parts.events;
  }

  /**
   * Creates a session with a new token. The user's limit and the end of a replaced session of the same user belong to the
   * same atomic step.
   *
   * @example
   * const { session, token } = await sessions.create({ userId: user.id, amr: ['pwd'] });
   *
   * @throws {SessionLimitReachedError} The user's limit is reached and `onLimit` is `'reject'`.
   * @throws {SessionDataTooLargeError} The data exceeds the limit.
   * @throws {SessionSignInRefusedError} `isStillAllowed` did not return `true`: the session has ended again.
   * @throws {SessionArgumentError} The user id is empty or the data is not JSON.
   */
  create(input: CreateSession): Promise<CreatedSession> {
    return this.parts.creator.create(input);
  }

  /**
   * Finds the session of a token. A token that this library cannot have issued is refused without a store call. Activity
   * is recorded in the background, at most once per touch interval.
   *
   * With `rotateEvery` the outcome may hold a `token` for the client. When the presented token comes back after the grace
   * of that one, the session ends (`reuse`).
   *
   * @example
   * const found = await sessions.authenticate(token);
   * if (found.outcome === 'live') return found.session.userId;
   *
   * @param options.touch - `false` for polling that must not keep the session alive. Default `true`.
   * @param options.rotate - `false` when this answer cannot carry another token to the client. Default `true`.
   * @param options.client - The sender, for `onAnomaly` and the events `used-after-end` and `unknown-tokens`. Default
   *   unknown, which never counts as a different client.
   */
  async authenticate(
    token: string | undefined,
    options: { touch?: boolean; rotate?: boolean; client?: SessionClient } = {},
  ): Promise<AuthenticateOutcome> {
    const renewed = await this.parts.renewer.check(token, { issue: options.rotate !== false });
    const { anomalies } = this.parts;
    const checked =
      renewed.live && token !== undefined && options.client && anomalies.isAsked
        ? await anomalies.examine(token, renewed, options.client)
        : renewed;
    if (!checked.live) {
      this.parts.suspiciousTokens.report(checked, options.client);
      return { outcome: 'absent', reason: checked.reason };
    }
    const session = toSession(checked);
    // The caller may not be the owner, so this request must not extend the session.
    if (options.touch !== false && !session.awaitsReauthentication) this.parts.touches.record(checked);
    const outcome = outcomeOf(session);
    return checked.successor === undefined ? { outcome, session } : { outcome, session, token: checked.successor };
  }

  /**
   * Reads a session again that was authenticated on a connection which is still open. It goes by the id, because the token
   * may have been rotated since: never pass an id that a client sent.
   *
   * @returns `undefined` when the session is no longer live.
   */
  async recheck({ id, userId }: Pick<Session, 'id' | 'userId'>, options: { touch?: boolean } = {}) {
    const found = await this.parts.store.find(id);
    if (!found.live || found.record.userId !== userId) return undefined;
    const session = toSession(found);
    if (options.touch !== false && !session.awaitsReauthentication) this.parts.touches.record(found);
    return session;
  }

  /**
   * Changes top-level keys of a live session's data, atomically against every other writer.
   *
   * @example
   * await sessions.update(session, { set: { theme: 'dark' }, increment: { visits: 1 } });
   *
   * @param target - A session as this instance saw it, or the id alone, which costs a read.
   * @param change - Keys to set, unset and increment, or a function from the current data to the new data. The function
   *   runs again after each conflict with another writer, so it must have no side effects.
   * @returns The session after the change. `undefined` when it is no longer live; nothing was written then.
   * @throws {SessionUpdateConflictError} Other writers were faster in each of 64 attempts, or an earlier update of the session
   *   in this process took more than 10 s.
   */
  async update(
    target: Session | string,
    change: SessionDataPatch | ((data: Readonly<SessionData>) => SessionData | Promise<SessionData>),
  ): Promise<Session | undefined> {
    const base = typeof target === 'string' ? { id: target } : target;
    if (!isSessionId(base.id)) return undefined;
    const updated = await this.parts.updater.update(base, async (data) =>
      typeof change === 'function' ? ((await change(data)) as JsonObject) : patchData(data, change),
    );
    return updated && toSession(updated);
  }

  /**
   * Confirms one action for the next `takeConfirmation`, for instance after another code. The confirmation is part of the
   * session's data: replacing all of the data takes it back.
   *
   * @param session - As this instance saw it; `undefined` confirms nothing.
   * @param action - 1 to 64 letters, digits, `_`, `.`, `:` or `-`.
   * @param options.validFor - Default `'5m'`.
   * @returns `false` when the session is no longer live.
   * @throws {SessionArgumentError} The action is not a valid name.
   * @throws {SessionConfigurationError} `validFor` is not a duration.
   */
  confirm(session: Session | undefined, action: string, options: { validFor?: Duration } = {}): Promise<boolean> {
    return this.parts.confirmations.confirm(session, action, options);
  }

  /**
   * Uses up a confirmation, atomically. Of parallel calls one returns `true`.
   *
   * @returns `false` when the action is not confirmed, the confirmation has expired or the session is no longer live.
   * @throws {SessionArgumentError} The action is not a valid name.
   */
  takeConfirmation(session: Session, action: string): Promise<boolean> {
    return this.parts.confirmations.take(session, action);
  }

  /**
   * Gives the session a new token. Once resolved, the old token is dead, as is any other that `rotateEvery` left valid. Of
   * parallel calls one succeeds and the others are `superseded`.
   *
   * @example
   * const rotated = await sessions.rotate(token);
   * if (rotated.rotated) setCookie(rotated.token);
   */
  async rotate(token: string): Promise<RotatedSession> {
    const { replacer } = this.parts;
    return replacer.announce('rotated', await replacer.replace(token));
  }

  /**
   * Gives the session a new token because its user authenticated again: `authenticatedAt`, `amr` and both timeouts start
   * anew.
   *
   * A pending second factor is thereby proved, and the methods of the first one are kept. `assuranceLevel` never falls
   * unless it is given. After `onAnomaly` returned `step-up`, the session is live again, at the level that was proved now.
   *
   * @param options.client - The client that gave the proof. Without it `onAnomaly` may be asked about that client next.
   * @throws {SessionArgumentError} The session is anonymous: sign in by `create` with `replacesToken`.
   */
  async reauthenticate(
    token: string,
    authentication: AuthenticationInput & { readonly amr: readonly string[] },
    { client }: { client?: SessionClient } = {},
  ): Promise<RotatedSession> {
    const { replacer } = this.parts;
    return replacer.announce('reauthenticated', await replacer.replace(token, { authentication, client }));
  }

  /**
   * Answers a change of the user's password or another factor: in one atomic step the session gets a new token and all
   * other sessions of the user end with reason `credential-change` (ASVS 7.4.3).
   *
   * The others end even if a parallel call has rotated the same token or the session has ended meanwhile. They also end
   * when the store can revoke but not rotate, and then this rejects.
   *
   * @param change.authentication - Given when the user authenticated for the change, as for `reauthenticate`.
   * @returns `ended`: the sessions that this call ended. A token without a session ends none: call `revokeAll` then.
   * @throws {SessionArgumentError} The session is anonymous.
   */
  async credentialsChanged(
    token: string,
    change: CredentialChangeInput = {},
  ): Promise<RotatedSession & { readonly ended: readonly EndedSession[] }> {
    const { credentials, replacer } = this.parts;
    const { outcome, ended } = await credentials.apply(token, change);
    return { ...replacer.announce(change.authentication ? 'reauthenticated' : 'rotated', outcome), ended };
  }

  /**
   * Revokes one session. Once resolved, no `authenticate` that starts later accepts it, on any instance.
   *
   * @example
   * await sessions.revoke(id, { userId: user.id, endedBy: user.id });
   *
   * @param id - Public session id, never the token.
   * @param options.userId - When given, a session of any other user counts as unknown.
   * @returns `false` when the session is unknown, no longer live, or not the given user's.
   * @throws {RevocationIncompleteError} One side did not answer; a durable retry is queued.
   * @throws {SessionArgumentError} `reason` is not a `SessionEndReason`, or `userId` is given and empty.
   */
  revoke(id: string, options: RevokeOptions & { userId?: string } = {}): Promise<boolean> {
    return this.parts.revocations.revoke(id, options);
  }

  /**
   * Revokes all sessions of the user except this one, atomically. Returns those that ended.
   *
   * @example
   * const ended = await sessions.revokeOthers(session, { endedBy: session.userId });
   *
   * @throws {SessionArgumentError} The session is anonymous and has no others.
   */
  revokeOthers(keep: Pick<Session, 'id' | 'userId'>, options: RevokeOptions = {}): Promise<readonly EndedSession[]> {
    return this.parts.revocations.revokeOthers(keep, options);
  }

  /**
   * Revokes all sessions of a user, atomically. Returns those that ended. Sessions created afterwards survive.
   *
   * @example
   * await sessions.revokeAll(user.id, { reason: 'admin', endedBy: operator.id });
   */
  revokeAll(userId: string, options: RevokeOptions & { exceptId?: string } = {}): Promise<readonly EndedSession[]> {
    return this.parts.revocations.revokeAll(userId, options);
  }

  /**
   * Ends all sessions that were created from one identity-provider session, with reason `idp-logout`, as the back-channel
   * logout of OpenID Connect demands (ASVS 7.6.1). Sessions created afterwards survive.
   *
   * @param logout - `iss` and `sid` of the verified logout token. One without `sid` means all sessions: call `revokeAll`.
   * @returns The sessions that ended.
   * @throws {SessionArgumentError} Issuer or session id is missing or could not have been stored.
   * @throws {RevocationIncompleteError} One side did not answer; a durable retry is queued.
   */
  revokeByIdentityProvider(logout: ProviderLogout): Promise<readonly EndedSession[]> {
    return this.parts.revocations.revokeByIdentityProvider(logout);
  }

  /**
   * Ends all sessions of all users that began before an instant, for incidents (ASVS 7.4.5). Takes constant time, whatever
   * the number of sessions. Emits one `everything-ended`, and no `ended` for each.
   *
   * @param options.before - Default, and at most, the backend's now. Sessions created since then survive.
   * @param options.reason - Default `'admin'`.
   * @throws {SessionArgumentError} `before` is not a valid Date.
   * @throws {RevocationIncompleteError} One side did not answer; a durable retry is queued.
   */
  revokeEverything(options: RevokeOptions & { before?: Date } = {}): Promise<EndedEverything> {
    return this.parts.revocations.revokeEverything(options);
  }

  /**
   * Returns exactly the sessions of the user that would authenticate, last seen first.
   *
   * @example
   * const devices = await sessions.listByUser(user.id);
   *
   * @param query.dataContains - Only sessions whose data contains this, by the rules of `jsonb @>` in Postgres.
   * @throws {SessionArgumentError} The user id is empty or `dataContains` is not JSON.
   */
  async listByUser(userId: string, query: { dataContains?: Partial<SessionData> } = {}): Promise<Session[]> {
    assertUserId(userId);
    const dataContains = query.dataContains && patchData({}, { set: query.dataContains });
    if (dataContains) assertStorableData(dataContains, Infinity);
    const { records, now } = await this.parts.store.listByUser({ userId, dataContains });
    return records.map((record) => toSession({ record, now })).toSorted(compareByActivity);
  }
}
