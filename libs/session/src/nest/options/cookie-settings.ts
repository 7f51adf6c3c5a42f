import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { assertFlag, assertKnownOptions, assertOneOf, describeValue } from './option-checks.js';

/** The cookie that carries a session's token, for `SessionModuleOptions.cookie`. */
export interface SessionCookieOptions {
  /**
   * Names the cookie. A prefix is kept or refused at boot; `'__Host-Http-id'` makes browsers that know it refuse the same
   * cookie from a script. Default `'__Host-session'`, `'__Secure-session'` with a `domain`, or `'session'` without `secure`.
   */
  readonly name?: string;
  /** Shares the cookie with all hosts below this one, such as `'example.com'`. Logged at boot. Default: this host only. */
  readonly domain?: string;
  /**
   * `false` leaves out `Secure` and the name's prefix, for development over plain http on localhost. Refused when `NODE_ENV`
   * is `production`. Default `true`.
   */
  readonly secure?: boolean;
  /** Sets `SameSite`. `'none'` lets other sites send requests in the user's name: protect against that. Default `'lax'`. */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** Keeps the cookie when the browser closes, until `absoluteExpiresAt` and for 400 days at most. Default `false`. */
  readonly persistent?: boolean;
  /**
   * Makes a cookie of its own for each site that shows the application's pages in a frame (CHIPS). Needs
   * `sameSite: 'none'`. Default `false`.
   */
  readonly partitioned?: boolean;
}

export interface CookieSettings {
  readonly name: string;
  /** `undefined`: browsers send the cookie only to the host that set it. */
  readonly domain: string | undefined;
  readonly sameSite: 'lax' | 'strict' | 'none';
  readonly secure: boolean;
  readonly persistent: boolean;
  readonly partitioned: boolean;
}

const TOKEN_LENGTH = 64;
/** Browsers drop a cookie whose name and value are longer (RFC 6265bis 5.6). */
const MAX_COOKIE_BYTES = 4096;
/** `token` of RFC 9110: no control character, blank, `=`, `;` or other separator (CVE-2024-47764). */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
/** Longest first. Browsers compare them without case and enforce their rules. */
const PREFIXES = ['__Host-Http-', '__Host-', '__Secure-', '__Http-'];

/** @throws {SessionConfigurationError} Browsers would refuse the cookie, or it would be weaker than its name says. */
export function resolveCookieSettings(cookie: SessionCookieOptions = {}): CookieSettings {
  assertKnownOptions(cookie, ['name', 'domain', 'secure', 'sameSite', 'persistent', 'partitioned'], 'cookie');
  const { domain, secure = true, sameSite = 'lax', persistent = false, partitioned = false } = cookie;
  assertFlag(secure, 'cookie.secure');
  if (!secure && process.env.NODE_ENV === 'production') {
    throw new SessionConfigurationError(
      'cookie.secure',
      'is false, which is for development over plain http on localhost, but NODE_ENV is "production": remove it and serve https',
    );
  }
  const { name = defaultName({ domain, secure }) } = cookie;
  assertOneOf(sameSite, ['lax', 'strict', 'none'], 'cookie.sameSite');
  assertFlag(persistent, 'cookie.persistent');
  assertFlag(partitioned, 'cookie.partitioned');
  if (domain !== undefined) assertDomain(domain);
  assertName(name);
  assertPrefixKept({ name, domain, secure });
  if (sameSite === 'none' && !secure) {
    throw new SessionConfigurationError('cookie.sameSite', "'none' needs a Secure cookie: leave out cookie.secure");
  }
  if (partitioned && sameSite !== 'none') {
    throw new SessionConfigurationError(
      'cookie.partitioned',
      `is for pages inside other sites' frames, which get no '${sameSite}' cookie: set cookie.sameSite to 'none'`,
    );
  }
  return { name, domain, sameSite, persistent, partitioned, secure };
}

/** Lists the warnings at boot for a cookie that protects less than the default. */
export function listCookieWarnings({ name, sameSite, secure }: CookieSettings): string[] {
  const warnings: string[] = [];
  if (!secure)
    warnings.push('cookie.secure is false: the session cookie travels over plain http. Never do this in public');
  else if (!/^__(Host|Secure)-/.test(name)) {
    warnings.push(
      `cookie.name "${name}" has no __Host- or __Secure- prefix: other hosts of the domain could plant one`,
    );
  }
  if (sameSite === 'none') warnings.push("cookie.sameSite is 'none': other sites can send requests in the user's name");
  return warnings;
}

/** Lists the notices at boot for a cookie that was widened on purpose. */
export function listCookieNotices({ name, domain }: CookieSettings): string[] {
  if (domain === undefined) return [];
  return [`the session cookie "${name}" goes to every host below ${domain}, and each of them can set one (ASVS 3.3.3)`];
}

function defaultName({ domain, secure }: Pick<CookieSettings, 'domain' | 'secure'>): string {
  if (!secure) return 'session';
  return domain === undefined ? '__Host-session' : '__Secure-session';
}

function assertName(name: unknown): void {
  if (typeof name !== 'string' || !COOKIE_NAME.test(name)) {
    throw new SessionConfigurationError(
      'cookie.name',
      `must be letters, digits and -_. or other characters of an HTTP token, but is ${describeValue(name)}`,
    );
  }
  if (name.length + TOKEN_LENGTH > MAX_COOKIE_BYTES) {
    throw new SessionConfigurationError(
      'cookie.name',
      `is ${name.length} bytes long: with the token of ${TOKEN_LENGTH} that is over the ${MAX_COOKIE_BYTES} which browsers keep`,
    );
  }
}

function assertDomain(domain: unknown): void {
  if (typeof domain === 'string' && HOST_NAME.test(domain)) return;
  throw new SessionConfigurationError(
    'cookie.domain',
    `must be a host name such as 'example.com', without scheme, port and leading dot, but is ${describeValue(domain)}`,
  );
}

function assertPrefixKept({ name, domain, secure }: Pick<CookieSettings, 'name' | 'domain' | 'secure'>): void {
  const prefix = PREFIXES.find((one) => name.toLowerCase().startsWith(one.toLowerCase()));
  if (prefix === undefined) return;
  if (!name.startsWith(prefix)) {
    throw new SessionConfigurationError(
      'cookie.name',
      `must spell its prefix "${prefix}": browsers hold it to that one`,
    );
  }
  if (!secure) {
    throw new SessionConfigurationError(
      'cookie.name',
      `starts with "${prefix}", which a cookie with secure: false cannot keep`,
    );
  }
  if (domain !== undefined && prefix.startsWith('__Host-')) {
    throw new SessionConfigurationError(
      'cookie.name',
      `starts with "${prefix}", which browsers refuse together with cookie.domain: start it with "__Secure-"`,
    );
  }
}
