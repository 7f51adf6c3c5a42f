import type { DecideAnomaly } from '../../core/service/session-anomalies.js';
import type { SessionRedirect } from '../access/session-refusal.js';
import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { Duration } from '../../core/session/duration.js';
import type { IpAddressMode } from '../../core/client/ip-address-form.js';
import type { SessionStoreDefinition } from '../../core/ports/session-store.js';

/** What `SessionModule` is told. Every value is checked at boot; an unknown name is refused. */
export interface SessionModuleOptions {
  /** `memoryStore()`, `redisStore()`, `postgresStore()`, or one of your own. */
  readonly store: SessionStoreDefinition;
  /**
   * A published set of limits. It gives the defaults of the timeouts that it limits, options given beside it win, and one
   * that is looser is warned of at boot. Default none.
   */
  readonly profile?: SessionProfile;
  /**
   * Why an option may be looser than the profile, by its name: `{ idleTimeout: 'kiosks in locked rooms' }`. Silences the
   * warning and is shown by `SessionPolicyDescription`. Default none.
   */
  readonly justifications?: Readonly<Partial<Record<JustifiableOption, string>>>;
  /** A session ends this long after it was last seen. Default `'30m'`. */
  readonly idleTimeout?: Duration;
  /** A session ends this long after the user proved who they are, whatever they do. Default `'12h'`. */
  readonly absoluteTimeout?: Duration;
  /** How long a session that was begun with `awaitsSecondFactor` may wait for it. Default `'10m'`. */
  readonly secondFactorTimeout?: Duration;
  /**
   * How long ago the user may have authenticated at the identity provider that a session rests on (ASVS 7.6.1). After that
   * `SessionGuard` answers `reauth_required` until `reauthenticate` brings a newer `identityProvider.authenticatedAt`; a
   * session whose provider did not tell when counts as too old. Default no limit of its own.
   */
  readonly maxIdentityProviderAge?: Duration;
  /**
   * Where `SessionGuard` sends a browser that asked for a page and may not see it: a path of this site, or `undefined` for
   * the usual 401. Not called for API requests. Default always 401.
   */
  readonly redirect?: SessionRedirect;
  /**
   * What to do when a signed-in session is used by another browser, system or network than before (ASVS 8.2.4): asked
   * once for each such client, before the request goes on, with what is new about it. `'allow'`, `'notify'` (event
   * `anomaly`), `'step-up'` (refused until `reauthenticate`) or `'revoke'`. What it throws fails the request. Default: no
   * client is compared.
   */
  readonly onAnomaly?: DecideAnomaly;
  /** Activity is written at most once in this time. Default the smaller of `'1m'` and a tenth of `idleTimeout`. */
  readonly touchInterval?: Duration;
  /**
   * A token gets one successor at the first request after this time, which the response's cookie carries (RFC 9700,
   * 4.14.2). Used again after `rotationGrace`, the old one ends the session. Default off: tokens change at sign-in,
   * `reauthenticate` and `rotate` only.
   */
  readonly rotateEvery?: Duration;
  /**
   * How long the old token works after the client first came with its successor, for requests under way and late tabs:
   * from `'1s'` to `'10m'`. Default `'60s'`.
   */
  readonly rotationGrace?: Duration;
  /** The most live sessions of one user. Default no limit. */
  readonly maxSessionsPerUser?: number;
  /**
   * What one session more does: end the oldest, those that await their second factor first, or fail with
   * `SessionLimitReachedError`. Default `'revoke-oldest'`.
   */
  readonly onLimit?: 'revoke-oldest' | 'reject';
  /** The most bytes of a session's data as JSON in UTF-8. Default 4096. */
  readonly maxDataSize?: number;
  /**
   * Secrets of at least 32 bytes, newest first: tokens are stored as HMAC-SHA-256 and forged ones are refused without
   * asking the store. Default none: tokens are stored as SHA-256.
   */
  readonly tokenKeys?: readonly (string | Uint8Array)[];
  readonly cookie?: SessionCookieOptions;
  /**
   * For development over plain http on localhost: a cookie without `Secure` and without name prefix. Refused when
   * `NODE_ENV` is `production`. Default `false`.
   */
  readonly insecureCookie?: boolean;
  /**
   * Protection of every handler against unsafe requests (neither GET, HEAD nor OPTIONS) that other sites make a browser
   * send: they get 403. On by default; `false` turns it off.
   */
  readonly csrf?: false | SessionCsrfOptions;
  /**
   * Refuses with 403 what pages of other sites want for themselves of what a session sees: images, scripts, frames, and
   * reading by CORS but from `csrf.trustedOrigins` (ASVS 3.5.8). Links of other sites lead in. `'log-only'` logs it and lets
   * it through. Default `false`.
   */
  readonly resourceIsolation?: boolean | 'log-only';
  /**
   * What browsers are told to delete when the visitor signs out of a session that a cookie carried (`Clear-Site-Data`,
   * over https only). `'cookies'` are all those of the registrable domain. Default nothing.
   */
  readonly clearSiteData?: readonly ClearSiteData[];
  /**
   * Lets clients that are no browsers carry their session in `Authorization: Bearer` instead of a cookie; a sign-in asks
   * for it with `transport: 'bearer'`. `true` takes the default prefix. Default `false`: the header is not looked at.
   */
  readonly bearer?: boolean | SessionBearerOptions;
  /** `false`: no scheduled job; `SessionCleanup` still runs on demand. */
  readonly cleanup?: false | SessionCleanupOptions;
  /**
   * What is kept, logged and told of clients' addresses. `truncated`: the network, /24 of IPv4 and /48 of IPv6. `hashed`:
   * a pseudonym under `ipAddressKey`, itself an address of `fd00::/8`. `none`: nothing. Default `'full'`.
   */
  readonly ipAddresses?: IpAddressMode;
  /** For `ipAddresses: 'hashed'`, and required there: at least 32 bytes. Under another key the same address differs. */
  readonly ipAddressKey?: string | Uint8Array;
  /** How long a store that keeps ended sessions keeps them. Default `'30d'`. */
  readonly retention?: Duration;
  /** How long audit rows are kept. Default `'365d'`. */
  readonly auditRetention?: Duration;
  readonly sockets?: SessionSocketOptions;
}

/** Types of `Clear-Site-Data` (W3C Clear Site Data). */
export type ClearSiteData = 'cache' | 'cookies' | 'storage' | 'executionContexts';

/**
 * `aal1`, `aal2`, `aal3`: the assurance levels of NIST SP 800-63B-4. `owasp-high`: high-value applications of the OWASP
 * Session Management Cheat Sheet.
 */
export type SessionProfile = 'aal1' | 'aal2' | 'aal3' | 'owasp-high';

/** The options that a profile may limit. */
export type JustifiableOption =
  | 'idleTimeout'
  | 'absoluteTimeout'
  | 'rotateEvery'
  | 'cookie.name'
  | 'cookie.persistent'
  | 'cookie.sameSite'
  | 'insecureCookie';

export interface SessionCookieOptions {
  /**
   * Default `'__Host-session'`, or `'__Secure-session'` with a `domain`. A prefix is kept or refused at boot;
   * `'__Host-Http-…'` makes browsers that know it refuse the same cookie from a script.
   */
  readonly name?: string;
  /** Shares the cookie with all hosts below this one, which is told of at boot. Default the host only. */
  readonly domain?: string;
  /** Default `'lax'`. `'none'` lets other sites send requests in the user's name: protect against that. */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** Whether the cookie outlives the browser's own session, until `absoluteExpiresAt` and 400 days at most. Default `false`. */
  readonly persistent?: boolean;
  /**
   * For pages that other sites show in a frame: a cookie of its own for each such site (CHIPS). Needs `sameSite: 'none'`.
   * Default `false`.
   */
  readonly partitioned?: boolean;
}

export interface SessionBearerOptions {
  /**
   * What every bearer token starts with, for secret scanners: a letter, then letters, digits and `_`, with `_` at the
   * end, at most 16 characters. Tokens of another prefix are not ours. Default `'nss_'`.
   */
  readonly prefix?: string;
}

export interface SessionCsrfOptions {
  /**
   * The origins at which browsers see the application, such as `'https://app.example.com'`. Browsers that do not send
   * `Sec-Fetch-Site` are held to them, scheme included. Needed behind a proxy that changes `Host`. Default: whatever host
   * the request names.
   */
  readonly publicOrigins?: readonly string[];
  /** Other origins whose pages may send unsafe requests, as `scheme://host[:port]`. Default none. */
  readonly trustedOrigins?: readonly string[];
  /** `'log-only'`: requests are logged and told as events, and let through. Default `'enforce'`. */
  readonly mode?: 'enforce' | 'log-only';
  /** What becomes of requests with neither `Sec-Fetch-Site` nor `Origin`, as clients other than browsers send. Default `'allow'`. */
  readonly onMissing?: 'allow' | 'reject';
  /**
   * `'required'`: an unsafe request with a live session also needs a token of `HttpSession.csrfToken()`, in the header
   * `X-CSRF-Token` or the body field `_csrf`. Default `'off'`.
   */
  readonly token?: 'off' | 'required';
}

export interface SessionCleanupOptions {
  /** Time between two runs, varied by a tenth. Default `'15m'`. */
  readonly interval?: Duration;
  /** The most rows of one kind in one step. Default 1000. */
  readonly batchSize?: number;
  /** A run takes no further step after this time. Default `'1m'`. */
  readonly timeBudget?: Duration;
}

/** For WebSockets, and for server-sent events as far as `recheckInterval` goes. */
export interface SessionSocketOptions {
  /**
   * Origins that may open sockets besides the one that the request's `Host` names, such as `'https://app.example.com'`:
   * needed when a proxy replaces `Host`. Default none.
   */
  readonly allowedOrigins?: readonly string[];
  /** Refuses handshakes without `Origin` too: every browser sends it, other clients need not. Default `false`. */
  readonly requireOrigin?: boolean;
  /**
   * How often the sessions of open connections are looked up, about, for ends that this instance was not told of.
   * `'100ms'` to `'1h'`, default `'30s'`.
   */
  readonly recheckInterval?: Duration;
}

/** For `useClass` and `useExisting` of `SessionModule.forRootAsync`. */
export interface SessionOptionsFactory {
  createSessionOptions(): SessionModuleOptions | Promise<SessionModuleOptions>;
}

interface SessionModuleExtras {
  /** Whether every module can inject sessions without importing `SessionModule`. Default `true`. */
  readonly isGlobal?: boolean;
}

export type SessionModuleRootOptions = SessionModuleOptions & SessionModuleExtras;

export type SessionModuleAsyncOptions = ConfigurableModuleAsyncOptions<SessionModuleOptions, 'createSessionOptions'> &
  SessionModuleExtras;
