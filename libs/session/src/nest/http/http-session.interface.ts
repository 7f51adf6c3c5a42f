import type { Duration } from '../../core/session/duration.js';
import type { SessionData } from '../../core/session/session-data.js';
import type { AuthenticationInput } from '../../core/authentication/session-authentication.js';
import type { Session, UserSession } from '../../core/session/session.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';
import type { SessionTransportName } from '../transport/session-transport.interface.js';

export interface SignIn extends AuthenticationInput {
  readonly userId: string;
  readonly data?: Partial<SessionData>;
  /**
   * A second factor is pending. Until `reauthenticate`, `SessionGuard` accepts the session only on handlers marked
   * `@AllowPendingFactor()`. Default `false`.
   */
  readonly awaitsSecondFactor?: boolean;
  /**
   * Called once the session is stored and before its cookie is set. `false` or an error ends the session again (ASVS
   * 7.4.2). Use it for accounts that may be disabled during their sign-in. Default: not called.
   */
  readonly isStillAllowed?: () => boolean | Promise<boolean>;
  /** A label for the device, at most 100 characters. */
  readonly device?: string;
  /** Top-level keys of the replaced session's data to carry over. Default: none. */
  readonly carryOver?: readonly (keyof SessionData)[];
  /**
   * `'bearer'` sets no cookie: `takeBearerToken()` returns the token for the response body. The module's option `bearer`
   * must allow it. Default `'cookie'`.
   */
  readonly transport?: SessionTransportName;
}

export interface StartSession {
  readonly data?: Partial<SessionData>;
  /** As in `SignIn`. Default `'cookie'`. */
  readonly transport?: SessionTransportName;
}

export interface SignOut {
  /** Other data that the browser should delete. Replaces the module's `clearSiteData`; `[]` deletes nothing else. */
  readonly clearSiteData?: readonly ClearSiteData[];
}

/** One of the signed-in user's sessions, for a page that lists them. */
export type OwnSession = UserSession & {
  /** Whether this is the session of the current request. */
  readonly isCurrent: boolean;
};

/**
 * The session of one HTTP request, with its cookie or bearer token. Await each method before you send the response: a
 * cookie cannot be set afterwards.
 *
 * Below, "cookie" means the bearer token as well. Handlers never see the token of a session in a cookie (ASVS 3.3.4).
 *
 * Every method rejects with `SessionStoreUnavailableError` when the store does not answer. The cookie then stays, except
 * after `signOut`.
 */
export interface HttpSession {
  /**
   * How the request carried its session, whether or not the session is live. With `'bearer'` the request had no session
   * cookie, so no other site can have made a browser send it. `undefined`: it carried none.
   */
  readonly transport: SessionTransportName | undefined;

  /**
   * Returns the live session of the request. `undefined` while a second factor is pending or after an anomaly, because
   * such a session signs nobody in. Asks the store once per request, however often it is called.
   *
   * @example
   * const session = await http.current();
   * return session ? `Hello ${session.userId}` : 'Please sign in';
   */
  current(): Promise<Session | undefined>;

  /** Returns the live session of the request if its second factor is pending. */
  pending(): Promise<UserSession | undefined>;

  /**
   * Returns the live session of the request if `onAnomaly` returned `step-up` for it. The sender may have stolen it.
   * Call `reauthenticate` once the user has proved their identity.
   */
  doubted(): Promise<UserSession | undefined>;

  /**
   * Signs a user in: creates a session with a new token, sets its cookie, and ends the session that the cookie held before
   * (`replaced`). Records the IP address and user agent of the request.
   *
   * @example
   * const user = await this.users.verify(email, password);
   * await http.signIn({ userId: user.id, amr: ['pwd'] });
   *
   * @throws {SessionLimitReachedError} The user's limit is reached and `onLimit` is `'reject'`.
   * @throws {SessionDataTooLargeError} The data exceeds `maxDataBytes`.
   * @throws {SessionSignInRefusedError} `isStillAllowed` returned `false` or failed. The session has ended again and the
   *   cookie is cleared.
   * @throws {SessionArgumentError} An unknown field. Pass single fields, not a request body.
   */
  signIn(input: SignIn): Promise<Session>;

  /**
   * Starts an anonymous session, replaces the session that the cookie held before, and sets the cookie.
   *
   * @example
   * await http.start({ data: { cart: [] } });
   */
  start(input?: StartSession): Promise<Session>;

  /**
   * Returns the bearer token that `signIn`, `start`, `rotate` or `reauthenticate` made in this request, for the response
   * body. It can be taken once.
   *
   * @returns `undefined` when there is none: the session is in a cookie, or a parallel request took the token.
   */
  takeBearerToken(): string | undefined;

  /**
   * Records that the user has just proved their identity again. The session gets a new token and both its timeouts start
   * anew. A pending second factor is settled. The old token stops working at once.
   *
   * @example
   * await http.reauthenticate({ amr: ['pwd', 'otp'] });
   *
   * @returns `undefined` when the session is no longer live. When a parallel request was faster, its response has the new
   *   cookie, and this call returns the session without setting one.
   */
  reauthenticate(input: AuthenticationInput & { readonly amr: readonly string[] }): Promise<Session | undefined>;

  /**
   * Gives the session a new token, for instance after a change of privileges.
   *
   * @returns As `reauthenticate`, and also `undefined` when a parallel request reauthenticated a session that awaited it.
   */
  rotate(): Promise<Session | undefined>;

  /**
   * Records that the user has confirmed one action, for instance by another code. The next request passes
   * `@RequireConfirmation(action)`, once. The confirmation is part of the session's data: replacing all of the data
   * removes it.
   *
   * @example
   * if (await this.codes.verify(userId, code)) await http.confirm('transfer');
   *
   * @param action - 1 to 64 letters, digits, `_`, `.`, `:` or `-`.
   * @param options.validFor - Default `'5m'`.
   * @returns `false` when nobody is signed in.
   * @throws {SessionArgumentError} `action` is not a valid name.
   * @throws {SessionConfigurationError} `validFor` is not a duration.
   */
  confirm(action: string, options?: { validFor?: Duration }): Promise<boolean>;

  /**
   * Records that the user's password or another factor has changed. This session gets a new token, and all other sessions
   * of the user end in the same atomic step with reason `credential-change` (ASVS 7.4.3). They end even if this session
   * has ended meanwhile.
   *
   * @example
   * await this.users.changePassword(userId, newPassword);
   * const { ended } = await http.credentialsChanged();
   *
   * @param input.amr - Pass it when the user proved their identity for the change: the session then counts as fresh.
   * @returns The number of other sessions that ended, and the session as `reauthenticate` returns it.
   */
  credentialsChanged(input?: AuthenticationInput): Promise<{ session: Session | undefined; ended: number }>;

  /**
   * Ends the session (`logout`) and clears the cookie. The cookie is cleared even when the store does not answer.
   *
   * @example
   * await http.signOut();
   *
   * @returns Whether there was a live session to end.
   * @throws {SessionArgumentError} `clearSiteData` has an unknown type. Nothing happened.
   */
  signOut(options?: SignOut): Promise<boolean>;

  /**
   * Lists the live sessions of the signed-in user, the current one included, most recent activity first. Includes sessions
   * that await a second factor or another proof.
   *
   * @example
   * @Get('devices')
   * devices(@CurrentHttpSession() http: HttpSession) {
   *   return http.sessions(); // public ids and `isCurrent`, never tokens
   * }
   *
   * @returns Empty when nobody is signed in, or when the session itself awaits a proof.
   */
  sessions(): Promise<OwnSession[]>;

  /**
   * Ends one of the signed-in user's sessions by its public id. Ending the current one clears the cookie.
   *
   * @example
   * @Delete('devices/:id')
   * async remove(@Param('id') id: string, @CurrentHttpSession() http: HttpSession) {
   *   return { revoked: await http.revoke(id) };
   * }
   *
   * @returns `false` when the id is unknown, ended or another user's, or nobody is signed in.
   */
  revoke(id: string): Promise<boolean>;

  /** Ends all sessions of the signed-in user except the current one. Returns how many ended. */
  revokeOthers(): Promise<number>;

  /**
   * Ends all sessions of the signed-in user, the current one included, in one atomic step, and clears the cookie. When the
   * store does not answer, the cookie stays: no session is known to have ended.
   *
   * @example
   * @Delete('devices')
   * async signOutEverywhere(@CurrentHttpSession() http: HttpSession) {
   *   return { ended: await http.revokeAll() };
   * }
   *
   * @returns The number of sessions that ended. `0`, and nothing happens, when nobody is signed in or when the session
   *   awaits a proof: its holder may not be its user.
   */
  revokeAll(): Promise<number>;

  /**
   * Makes a CSRF token for a form or script of this response, which sends it back as the field `_csrf` or the header
   * `X-CSRF-Token`. Each call returns another token. They work until the session gets a new token by a sign-in, `rotate`,
   * `reauthenticate`, `credentialsChanged` or the option `rotation`, so call this after those. Nothing is stored. The
   * response gets `Cache-Control: no-store`.
   *
   * @returns `undefined` without a live session.
   */
  csrfToken(): Promise<string | undefined>;

  /**
   * Returns whether `csrfToken()` made this token for the session token in this request's cookie. Does not ask the store,
   * so it says nothing about whether the session is live. For handlers that parse their body themselves.
   */
  isCsrfToken(given: unknown): boolean;
}
