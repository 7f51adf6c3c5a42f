import type { DecideAnomaly } from '../../core/service/session-anomalies.js';
import type { SessionRedirect } from '../access/session-refusal.js';
import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { Duration } from '../../core/session/duration.js';
import type { SessionStoreDefinition } from '../../core/ports/store-definition.js';
import type { SessionBearerOptions } from './bearer-settings.js';
import type { SessionCleanupOptions } from './cleanup-settings.js';
import type { SessionCookieOptions } from './cookie-settings.js';
import type { SessionCsrfOptions } from './csrf-settings.js';
import type { IpAddressOption } from './ip-address-settings.js';
import type { SessionOriginOptions } from './origin-settings.js';
import type { SessionRetentionOptions } from './retention-settings.js';
import type { SessionRotationOptions } from './rotation-settings.js';
import type { SessionSocketOptions } from './socket-settings.js';

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
  /** Rotates tokens periodically (RFC 9700, 4.14.2): `{ every: '15m' }`. Default off: tokens change at sign-in, `reauthenticate` and `rotate` only. */
  readonly rotation?: SessionRotationOptions;
  /** The most live sessions of one user. Default no limit. */
  readonly maxSessionsPerUser?: number;
  /**
   * What one session more does: end the oldest, those that await their second factor first, or fail with
   * `SessionLimitReachedError`. Default `'revoke-oldest'`.
   */
  readonly onLimit?: 'revoke-oldest' | 'reject';
  /** The most bytes of a session's data as JSON in UTF-8. Default 4096. */
  readonly maxDataBytes?: number;
  /**
   * Secrets of at least 32 bytes, newest first: tokens are stored as HMAC-SHA-256 and forged ones are refused without
   * asking the store. Default none: tokens are stored as SHA-256.
   */
  readonly tokenKeys?: readonly (string | Uint8Array)[];
  readonly cookie?: SessionCookieOptions;
  /**
   * Which pages may act in a user's name besides the request's own host, for requests and sockets alike:
   * `{ public: ['https://app.example.com'] }`. Default none.
   */
  readonly origins?: SessionOriginOptions;
  /**
   * Protection of every handler against unsafe requests (neither GET, HEAD nor OPTIONS) that other sites make a browser
   * send: they get 403. On by default; `false` turns it off.
   */
  readonly csrf?: false | SessionCsrfOptions;
  /**
   * Refuses with 403 what pages of other sites want for themselves of what a session sees: images, scripts, frames, and
   * reading by CORS but from `origins.trusted` (ASVS 3.5.8). Links of other sites lead in. `'log-only'` logs it and lets
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
  /**
   * The job that removes what has expired, for stores that need one: `{ interval: '1h' }`. `false`: no job; `SessionCleanup`
   * still runs on demand. Default on.
   */
  readonly cleanup?: false | SessionCleanupOptions;
  /**
   * What is kept, logged and told of clients' addresses. `'truncated'`: the network, /24 of IPv4 and /48 of IPv6.
   * `{ mode: 'hashed', key }`: a pseudonym under a key of at least 32 bytes, itself an address of `fd00::/8`. `'none'`:
   * nothing. Default `'full'`.
   */
  readonly ipAddresses?: IpAddressOption;
  /** How long ended sessions and audit rows are kept, by stores that keep them: `{ sessions: '30d', audit: '365d' }`. */
  readonly retention?: SessionRetentionOptions;
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
  | 'rotation.every'
  | 'cookie.name'
  | 'cookie.persistent'
  | 'cookie.sameSite'
  | 'cookie.secure';

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
