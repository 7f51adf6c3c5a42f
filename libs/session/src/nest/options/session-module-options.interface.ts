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

/**
 * The options of `SessionModule`. Boot fails on an unknown name or an invalid value.
 *
 * @example
 * SessionModule.forRoot({
 *   store: redisStore({ url: 'redis://localhost:6379' }),
 *   idleTimeout: '30m',
 *   absoluteTimeout: '12h',
 *   maxSessionsPerUser: 20,
 * });
 *
 * @see The section "Options" of the README.
 */
export interface SessionModuleOptions {
  /** `memoryStore()`, `redisStore()`, `postgresStore()`, `hybridStore()`, or your own. */
  readonly store: SessionStoreDefinition;
  /**
   * Sets defaults from a published standard, such as `'aal2'`. Explicit options win; anything looser than the standard logs
   * a warning at boot. Default: none.
   */
  readonly profile?: SessionProfile;
  /**
   * Justifies options that are looser than the profile, by name: `{ idleTimeout: 'kiosks in locked rooms' }`. Silences the
   * warning and appears in `SessionPolicyDescription`. Default: none.
   */
  readonly justifications?: Readonly<Partial<Record<JustifiableOption, string>>>;
  /** Idle timeout: a session expires this long after its last activity. Default `'30m'`. */
  readonly idleTimeout?: Duration;
  /** Absolute timeout: maximum lifetime since the last authentication. Only reauthentication resets it. Default `'12h'`. */
  readonly absoluteTimeout?: Duration;
  /** Maximum lifetime of a session whose second factor is pending. Default `'10m'`. */
  readonly secondFactorTimeout?: Duration;
  /**
   * Maximum time since the user authenticated at the identity provider, such as `'8h'` (ASVS 7.6.1). After it,
   * `SessionGuard` answers `reauth_required` until `reauthenticate` passes a newer `identityProvider.authenticatedAt`. A
   * session whose provider gave no time counts as too old. Default: no limit.
   */
  readonly maxIdentityProviderAge?: Duration;
  /**
   * Returns the page to redirect to when `SessionGuard` refuses a page request: a path of this site, such as `'/sign-in'`,
   * or `undefined` for the usual 401. Not called for API requests. Default: always 401.
   */
  readonly redirect?: SessionRedirect;
  /**
   * Decides what happens when another browser, system or network uses a signed-in session (ASVS 8.2.4). Called once for each
   * such client, before the request continues, with the changes. Returns `'allow'`, `'notify'` (emits `anomaly`), `'step-up'`
   * (refused until `reauthenticate`) or `'revoke'`. May be asynchronous; an error fails the request. Default: clients are not
   * compared.
   */
  readonly onAnomaly?: DecideAnomaly;
  /** Activity is stored at most once per this interval. Default: `'1m'`, or a tenth of `idleTimeout` if that is shorter. */
  readonly touchInterval?: Duration;
  /** Rotates tokens periodically (RFC 9700, 4.14.2): `{ every: '15m' }`. Default off: tokens change only at sign-in, `reauthenticate` and `rotate`. */
  readonly rotation?: SessionRotationOptions;
  /** Maximum number of live sessions of one user, such as `20`. Default: no limit. */
  readonly maxSessionsPerUser?: number;
  /**
   * The effect of a sign-in at the limit. `'revoke-oldest'` ends the oldest session, and sessions awaiting a second factor
   * first. `'reject'` fails with `SessionLimitReachedError`. Default `'revoke-oldest'`.
   */
  readonly onLimit?: 'revoke-oldest' | 'reject';
  /** Maximum size of a session's data, in bytes of JSON in UTF-8. Default 4096. */
  readonly maxDataBytes?: number;
  /**
   * Secrets of at least 32 bytes, newest first. Tokens are stored as HMAC-SHA-256, and forged tokens are refused without a
   * store call. Default: none, and tokens are stored as SHA-256.
   */
  readonly tokenKeys?: readonly (string | Uint8Array)[];
  /** The session cookie, such as `{ sameSite: 'strict' }`. */
  readonly cookie?: SessionCookieOptions;
  /**
   * Origins whose pages may use a visitor's session, beside the request's own host. Applies to requests and sockets:
   * `{ public: ['https://app.example.com'] }`. Default: none.
   */
  readonly origins?: SessionOriginOptions;
  /**
   * Protects every handler against cross-site request forgery: unsafe requests of other sites (except GET, HEAD and OPTIONS)
   * get 403. Default on; `false` turns it off.
   */
  readonly csrf?: false | SessionCsrfOptions;
  /**
   * Returns 403 when another site embeds or fetches a response that depends on the session: images, scripts, frames, and
   * CORS requests except from `origins.trusted` (ASVS 3.5.8). Top-level navigation is still allowed. `'log-only'` only logs
   * them. Default `false`.
   */
  readonly resourceIsolation?: boolean | 'log-only';
  /**
   * Data that browsers delete at a sign-out (header `Clear-Site-Data`, over https only), such as `['storage']`. `'cookies'`
   * means all cookies of the registrable domain. Default: none.
   */
  readonly clearSiteData?: readonly ClearSiteData[];
  /**
   * Allows clients other than browsers to send their token as `Authorization: Bearer`. A sign-in issues one with
   * `transport: 'bearer'`. `true` uses the default prefix. Default `false`: the header is ignored.
   */
  readonly bearer?: boolean | SessionBearerOptions;
  /**
   * The job that removes expired and ended sessions, for stores that need it: `{ interval: '1h' }`. `false` runs no job;
   * `SessionCleanup.run()` still works. Default on.
   */
  readonly cleanup?: false | SessionCleanupOptions;
  /**
   * The form in which clients' addresses are stored, logged and emitted. `'truncated'`: the network, /24 of IPv4 and /48 of
   * IPv6. `{ mode: 'hashed', key }`: a pseudonym under a key of at least 32 bytes, as an address of `fd00::/8`. `'none'`: no
   * address. Default `'full'`.
   */
  readonly ipAddresses?: IpAddressOption;
  /** How long a store with a history keeps ended sessions and audit rows: `{ sessions: '30d', audit: '365d' }`. */
  readonly retention?: SessionRetentionOptions;
  /** WebSockets and server-sent events: `{ recheckInterval: '10s' }`. */
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

/** Implement it for `useClass` and `useExisting` of `SessionModule.forRootAsync`. */
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
