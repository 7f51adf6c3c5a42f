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
   * The user still has to prove another factor: until `reauthenticate`, `SessionGuard` lets the session in only where
   * `@AllowPendingFactor()` stands. Default `false`.
   */
  readonly awaitsSecondFactor?: boolean;
  /**
   * Asked once the session is stored and before its cookie is set; `false`, or an error, ends it again (ASVS 7.4.2). For an
   * account that may be disabled while its sign-in is under way. Default not asked.
   */
  readonly isStillAllowed?: () => boolean | Promise<boolean>;
  /** A label for the device, at most 100 characters. */
  readonly device?: string;
  /** Top-level keys of the replaced session's data to carry over. Default none. */
  readonly carryOver?: readonly (keyof SessionData)[];
  /**
   * `'bearer'`, when the module's options allow it: no cookie; `takeBearerToken()` has the token for the response's body.
   * Default `'cookie'`.
   */
  readonly transport?: SessionTransportName;
}

export interface StartSession {
  readonly data?: Partial<SessionData>;
  /** As in `SignIn`. Default `'cookie'`. */
  readonly transport?: SessionTransportName;
}

export interface SignOut {
  /**
   * What the browser should delete besides, in place of the module's `clearSiteData`, whichever way the session was
   * carried; `[]` for nothing.
   */
  readonly clearSiteData?: readonly ClearSiteData[];
}

/** One of the signed-in user's sessions, for a page that lists them. */
export type OwnSession = UserSession & {
  /** Whether it is the session of this very request. */
  readonly isCurrent: boolean;
};

/**
 * The session of one HTTP request, with its cookie or bearer token. Everything is done when the promise resolves: await
 * it before you answer, because a cookie cannot be set afterwards.
 *
 * What follows says "cookie" of either. The token of a session in a cookie is never given to the handler (ASVS 3.3.4).
 *
 * Every method rejects with `SessionStoreUnavailableError` when the store does not answer; the cookie then stays, but
 * for `signOut`.
 */
export interface HttpSession {
  /**
   * The way by which this request carried its session, believed or not. `'bearer'` means that it carried no session
   * cookie, so no other site can have made a browser send it. `undefined`: neither.
   */
  readonly transport: SessionTransportName | undefined;

  /**
   * The live session that the request's cookie names, unless it still awaits a second factor, or another proof after an
   * anomaly: nobody is signed in by that. Asks the store once per request, however often it is called.
   */
  current(): Promise<Session | undefined>;

  /** The live session of the request that awaits a second factor, and nothing else. */
  pending(): Promise<UserSession | undefined>;

  /**
   * The live session of the request that `onAnomaly` stopped by `step-up`, and nothing else. Who sent the request may have
   * stolen it; `reauthenticate` says that its user proved who they are.
   */
  doubted(): Promise<UserSession | undefined>;

  /**
   * Creates a session with a new token, sets its cookie, and ends the session that the cookie held until now
   * (`replaced`). IP address and user agent are those of the request.
   *
   * @throws {SessionLimitReachedError} The user's limit is reached and `onLimit` is `'reject'`.
   * @throws {SessionDataTooLargeError} The data is over `maxDataBytes`.
   * @throws {SessionSignInRefusedError} `isStillAllowed` said no: nobody is signed in any more, and the
   *   cookie is cleared, as it is when that function fails.
   */
  signIn(input: SignIn): Promise<Session>;

  /** Creates an anonymous session, in place of whatever the cookie held, and sets its cookie. */
  start(input?: StartSession): Promise<Session>;

  /**
   * The bearer token that `signIn`, `start`, `rotate` or `reauthenticate` made in this request, for the response's body:
   * once, and the only time that anybody sees it. `undefined` when there is none, as always when the session is in a
   * cookie, or when a parallel request took it.
   */
  takeBearerToken(): string | undefined;

  /**
   * Says that the user has just proved again who they are: a new token, both timeouts anew, and the session counts as
   * fresh. The old token is dead. A session that awaited a second factor awaits it no more.
   *
   * @returns The session; `undefined` when it is no longer live. When a parallel request was faster, its response has
   *   the new cookie and this one gets the session without a cookie.
   */
  reauthenticate(input: AuthenticationInput & { readonly amr: readonly string[] }): Promise<Session | undefined>;

  /**
   * Gives the session a new token, for instance after a change of privileges. Returns as `reauthenticate` does, but nothing
   * where the session awaited a proof and it was a parallel request that gave it.
   */
  rotate(): Promise<Session | undefined>;

  /**
   * Says that the user has confirmed this one action, for instance by another code: lets the next request through
   * `@RequireConfirmation(action)`, once. Kept among the session's data; an application that replaces all of the data takes
   * it back.
   *
   * @param action - 1 to 64 letters, digits, `_`, `.`, `:` or `-`.
   * @param options.validFor - Default `'5m'`.
   * @returns `false` when nobody is signed in (any more).
   * @throws {SessionArgumentError} The action is none. {SessionConfigurationError} `validFor` is no duration.
   */
  confirm(action: string, options?: { validFor?: Duration }): Promise<boolean>;

  /**
   * Says that the user's password or another factor was changed: a new token for this session, and all others of the user
   * end in the same atomic step with reason `credential-change` (ASVS 7.4.3), also when this session has ended meanwhile.
   *
   * @param input.amr - Given when the user proved who they are for it: then the session counts as fresh, too.
   * @returns How many other sessions ended, and the session as `reauthenticate` returns it.
   */
  credentialsChanged(input?: AuthenticationInput): Promise<{ session: Session | undefined; ended: number }>;

  /**
   * Ends the session (`logout`) and clears the cookie, and other data of the site if told to, which it does as well when
   * the store failed.
   *
   * @returns Whether there was a live session to end.
   * @throws {SessionArgumentError} `clearSiteData` has something else than its types; nothing happened.
   */
  signOut(options?: SignOut): Promise<boolean>;

  /**
   * Lists the live sessions of the signed-in user, this one included, most recent activity first: for a page of the user's
   * devices. Sessions that await a second factor or another proof are among them.
   *
   * @example
   * @Get('devices')
   * devices(@CurrentHttpSession() http: HttpSession) {
   *   return http.sessions(); // public ids and `isCurrent`, never tokens
   * }
   *
   * @returns Empty when nobody is signed in, as for a session that awaits a proof itself.
   */
  sessions(): Promise<OwnSession[]>;

  /**
   * Ends one of the current user's sessions by its public id. Ending the current one clears the cookie.
   *
   * @returns `false` when the id is unknown, over, or another user's, or nobody is signed in.
   */
  revoke(id: string): Promise<boolean>;

  /** Ends all sessions of the current user but this one. Returns how many. */
  revokeOthers(): Promise<number>;

  /**
   * Ends all sessions of the signed-in user, this one included, in one atomic step, and clears the cookie. When the store
   * does not answer, nothing is known to have ended and the cookie stays.
   *
   * @example
   * @Delete('devices')
   * async signOutEverywhere(@CurrentHttpSession() http: HttpSession) {
   *   return { ended: await http.revokeAll() };
   * }
   *
   * @returns How many ended. `0`, and nothing happens, when nobody is signed in: a session that awaits a proof may be held
   *   by somebody else and must not sign its user out.
   */
  revokeAll(): Promise<number>;

  /**
   * A token for a form or a script of the page that is answered with, which sends it back as the field `_csrf` or the
   * header `X-CSRF-Token`. Another one each time; each works until the session gets a new token, by a sign-in, `rotate`,
   * `reauthenticate`, `credentialsChanged` or the option `rotation`: ask after those. Nothing is stored. The answer gets
   * `Cache-Control: no-store`.
   *
   * @returns `undefined` without a live session.
   */
  csrfToken(): Promise<string | undefined>;

  /**
   * Whether `csrfToken()` made it for the token that this request's cookie holds. Asks no store, so it says nothing
   * about whether the session is live. For handlers that parse their body themselves.
   */
  isCsrfToken(given: unknown): boolean;
}
