import type { SessionClient } from '../client/client-details.js';
import type { CredentialChange, CredentialChangeInput } from './credential-change.js';
import type { AuthenticationInput } from '../authentication/session-authentication.js';
import type { SessionConfirmations } from './session-confirmations.js';
import type { CreatedSession, CreateSession, SessionCreator } from './session-creator.js';
import {
  assertStorableData,
  patchData,
  type JsonObject,
  type SessionData,
  type SessionDataPatch,
} from '../session/session-data.js';
import type { Duration } from '../session/duration.js';
import type { SessionEvents } from '../events/session-events.js';
import { assertUserId, isSessionId } from '../session/session-id.js';
import type { EndedEverything, EndedSession } from '../session/session-record.js';
import type {
  AuthenticateOutcome,
  ProviderLogout,
  RevokeOptions,
  RotatedSession,
} from './session-service.interface.js';
import type { SessionRevocations } from './session-revocations.js';
import type { SessionStore } from '../ports/session-store.js';
import type { SessionUpdater } from './session-updater.js';
import type { SessionAnomalies } from './session-anomalies.js';
import { compareByActivity, outcomeOf, type Session } from '../session/session.js';
import { toSession } from './to-session.js';
import type { TokenReplacer } from './token-replacer.js';
import type { TokenRenewer } from './token-renewer.js';
import type { SuspiciousTokens } from './suspicious-tokens.js';
import type { TouchRecorder } from './touch-recorder.js';

export type { CreatedSession, CreateSession } from './session-creator.js';

export interface SessionServiceParts {
  readonly store: SessionStore;
  readonly events: SessionEvents;
  readonly creator: SessionCreator;
  readonly renewer: TokenRenewer;
  readonly updater: SessionUpdater;
  readonly touches: TouchRecorder;
  readonly suspiciousTokens: SuspiciousTokens;
  readonly anomalies: SessionAnomalies;
  readonly replacer: TokenReplacer;
  readonly revocations: SessionRevocations;
  readonly credentials: CredentialChange;
  readonly confirmations: SessionConfirmations;
}

/**
 * Sessions without HTTP. Every method rejects with `SessionStoreUnavailableError` when the store does not answer, which
 * says nothing about any session.
 */
export class SessionService {
  constructor(private readonly parts: SessionServiceParts) {}

  /** What happened, told after it was stored. */
  get events(): SessionEvents {
    return this.parts.events;
  }

  /**
   * Creates a session with a new token. Atomic with the user's limit; a replaced session of the same user ends in the
   * same step.
   *
   * @throws {SessionLimitReachedError} The user's limit is reached and `onLimit` is `'reject'`.
   * @throws {SessionDataTooLargeError} The data is over the limit.
   * @throws {SessionSignInRefusedError} `isStillAllowed` said no: the session has ended again.
   * @throws {SessionArgumentError} The user id is empty or the data is not JSON.
   */
  create(input: CreateSession): Promise<CreatedSession> {
    return this.parts.creator.create(input);
  }

  /**
   * Decides whose session a token is. Anything that is not one of our tokens is turned away without a store call.
   * Activity is recorded in the background, at most once per touch interval. With `rotation` the outcome may have a
   * `token` for the client; the one presented ends the session (`reuse`) when used after that one's grace.
   *
   * @param options.touch - `false` for polling that should not keep the session alive. Default `true`.
   * @param options.rotate - `false` when the client cannot be given another token with this answer. Default `true`.
   * @param options.client - Who sent it, for `onAnomaly` and the events `used-after-end` and `unknown-tokens`. Default
   *   unknown, which is never another client than before.
   */
  async authenticate(
    token: string | undefined,
    options: { touch?: boolean; rotate?: boolean; client?: SessionClient } = {},
  ): Promise<AuthenticateOutcome> {
    const renewed = await this.parts.renewer.check(token, { issue: options.rotate !== false });
    const checked =
      renewed.live && token !== undefined && options.client
        ? await this.parts.anomalies.examine(token, renewed, options.client)
        : renewed;
    if (!checked.live) {
      this.parts.suspiciousTokens.report(checked, options.client);
      return { outcome: 'absent', reason: checked.reason };
    }
    const session = toSession(checked);
    // Whoever uses it is perhaps not its owner, and shall not keep it alive.
    if (options.touch !== false && !session.awaitsReauthentication) this.parts.touches.record(checked);
    return { outcome: outcomeOf(session), session, ...(checked.successor && { token: checked.successor }) };
  }

  /**
   * Looks again at a session that was authenticated on a connection which is still open; `undefined` when it is over. By
   * id, because its token may have been rotated since: never call it with an id that a client sent.
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
   * @param target - A session as this instance saw it, or the id alone, which costs a read.
   * @param change - Keys to set, unset and increment, or a function from the current data to the new data; it is called
   *   again when another writer was faster, so it must have no effects of its own.
   * @returns The session after the change, or `undefined` when it is no longer live: nothing was written then.
   * @throws {SessionUpdateConflictError} Others were faster in every one of 64 attempts.
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
   * Remembers that the user has confirmed this one action, for instance by another code, until `takeConfirmation` takes it
   * up or it expires. Kept among the session's data: an application that replaces all of the data takes it back.
   *
   * @param session - The session as this instance saw it; `undefined` confirms nothing.
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
   * Uses up a confirmation of the session, atomically: `true` for one of parallel calls.
   *
   * @returns `false` when the action was not confirmed, the confirmation has expired, or the session is no longer live.
   * @throws {SessionArgumentError} The action is not a valid name.
   */
  takeConfirmation(session: Session, action: string): Promise<boolean> {
    return this.parts.confirmations.take(session, action);
  }

  /**
   * Gives the session a new token; once resolved the old one is dead, as is any other that `rotation` left good. Of
   * parallel calls one succeeds and the others are `superseded`.
   */
  async rotate(token: string): Promise<RotatedSession> {
    const { replacer } = this.parts;
    return replacer.announce('rotated', await replacer.replace(token));
  }

  /**
   * Rotates because the user proved again who they are: `authenticatedAt`, `amr` and both timeouts start anew. A session
   * that awaited a second factor awaits it no more, and keeps the methods of the first; `assuranceLevel` never falls
   * unless it is given. After `onAnomaly` answered `step-up` the session authenticates again, at the level that was proved
   * now.
   *
   * @param options.client - Who gave the proof, as for `authenticate`: without it `onAnomaly` may ask about them next.
   * @throws {SessionArgumentError} The session is anonymous: a sign-in is `create` with `replacesToken`.
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
   * Says that the user's password or another factor was changed, added or removed: the session gets a new token and all
   * other sessions of the user end with reason `credential-change`, in one atomic step (ASVS 7.4.3).
   *
   * When another call was faster with the same token, or the session ended meanwhile, the others end all the same; so
   * they do where the store can revoke and not rotate, and then this rejects.
   *
   * @param change.authentication - Given when the user proved who they are for it, as for `reauthenticate`.
   * @returns `ended`: the sessions that this call ended. With a token that is no session's it can end none: call
   *   `revokeAll` with the user's id then.
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
   * Ends one session before it would expire.
   *
   * Once resolved, no `authenticate` that starts afterwards accepts it, on any instance.
   *
   * @param id - Public session id, never the token.
   * @param options.userId - When given, only a session of this user is revoked; anybody else's counts as unknown.
   * @returns `false` when it is unknown, already over, or not the given user's.
   * @throws {RevocationIncompleteError} One side did not answer; a durable retry is queued.
   * @throws {SessionArgumentError} The reason is none of those that there are.
   */
  revoke(id: string, options: RevokeOptions & { userId?: string } = {}): Promise<boolean> {
    return this.parts.revocations.revoke(id, options);
  }

  /**
   * Ends all sessions of the user but this one, atomically.
   *
   * @returns The sessions that ended.
   * @throws {SessionArgumentError} The session is anonymous: it has no others.
   */
  revokeOthers(keep: Pick<Session, 'id' | 'userId'>, options: RevokeOptions = {}): Promise<readonly EndedSession[]> {
    return this.parts.revocations.revokeOthers(keep, options);
  }

  /** Ends all sessions of a user, atomically. A sign-in that is stored after this one is a new session and stands. */
  revokeAll(userId: string, options: RevokeOptions & { exceptId?: string } = {}): Promise<readonly EndedSession[]> {
    return this.parts.revocations.revokeAll(userId, options);
  }

  /**
   * Ends all sessions that rest on one session at an identity provider, as a back-channel logout of OpenID Connect asks
   * for (ASVS 7.6.1), with reason `idp-logout`. A sign-in that is stored after this one stands.
   *
   * @param logout.issuer - `iss` of the logout token, which the caller has verified.
   * @param logout.sessionId - Its `sid`. Without one it means all sessions of the user: call `revokeAll`.
   * @param logout.userId - When given, only sessions of this user end.
   * @returns The sessions that ended.
   * @throws {SessionArgumentError} Issuer or session id are missing or could not have been stored.
   * @throws {RevocationIncompleteError} One side did not answer; a durable retry is queued.
   */
  revokeByIdentityProvider(logout: ProviderLogout): Promise<readonly EndedSession[]> {
    return this.parts.revocations.revokeByIdentityProvider(logout);
  }

  /**
   * Ends all sessions of everybody that began before an instant, by one step however many there are: for incidents
   * (ASVS 7.4.5). Sessions created since stand. Of each session's end no event is told, of all `everything-ended` is.
   *
   * @param options.before - Default, and at most, the backend's now.
   * @param options.reason - Default `'admin'`.
   * @throws {SessionArgumentError} `before` is not a valid Date.
   * @throws {RevocationIncompleteError} One side did not answer; a durable retry is queued.
   */
  revokeEverything(options: RevokeOptions & { before?: Date } = {}): Promise<EndedEverything> {
    return this.parts.revocations.revokeEverything(options);
  }

  /**
   * Exactly the sessions of the user that would authenticate, last seen first.
   *
   * @param query.dataContains - Only those whose data contains this, as Postgres' `jsonb @>` decides.
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
