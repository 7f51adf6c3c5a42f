import { afterEach, describe, expect, it } from '@jest/globals';
import { memoryStore, SessionConfigurationError, type SessionModuleOptions } from 'nest-sessions';
import { listCookieNotices, listCookieWarnings } from '#src/nest/options/cookie-settings.js';
import { resolveSessionSettings } from '#src/nest/options/session-settings.js';

/** As JavaScript, or a configuration file, would hand it over. */
const optionsOf = (options: object) => ({ store: memoryStore(), ...options }) as SessionModuleOptions;

const settingsOf = (options: object) => resolveSessionSettings(optionsOf(options));

const refusalOf = (options: object): SessionConfigurationError => {
  try {
    settingsOf(options);
  } catch (error) {
    if (error instanceof SessionConfigurationError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(options)}`);
};

const POISON = [
  '\r',
  '\n',
  '\r\nSet-Cookie: a=1',
  ';',
  '; HttpOnly',
  ' ',
  '\t',
  '\0',
  '\u00a0',
  '\u2000',
  'ä',
  '=',
  ',',
];

describe('the cookie options (CVE-2024-47764, Hono GHSA-26pp-8wgv-hjvm)', () => {
  it.each(POISON)('refuse %j at either end of the name and in the middle', (poison) => {
    for (const name of [`${poison}id`, `i${poison}d`, `id${poison}`, `__Host-${poison}id`]) {
      expect(refusalOf({ cookie: { name } }).option).toBe('cookie.name');
    }
  });

  it.each(POISON)('refuse %j at either end of the domain and in the middle', (poison) => {
    for (const domain of [`${poison}a.test`, `a${poison}.test`, `a.test${poison}`]) {
      expect(refusalOf({ cookie: { domain } }).option).toBe('cookie.domain');
    }
  });

  it.each([
    [{ path: '/' }, 'cookie.path'],
    [{ path: '/app; Domain=evil.test' }, 'cookie.path'],
    [{ secure: 'no' }, 'cookie.secure'],
    [{ httpOnly: false }, 'cookie.httpOnly'],
    [{ maxAge: 60 }, 'cookie.maxAge'],
    [{ prefix: '__Host-' }, 'cookie.prefix'],
    [{ partitioned: 'yes' }, 'cookie.partitioned'],
    [{ partitioned: true }, 'cookie.partitioned'],
    [{ partitioned: true, sameSite: 'strict' }, 'cookie.partitioned'],
    [{ domain: 'a'.repeat(254) }, 'cookie.domain'],
    [{ domain: '' }, 'cookie.domain'],
    [{ name: '__Host-id', domain: 'example.test' }, 'cookie.name'],
    [{ name: '__HOST-HTTP-id' }, 'cookie.name'],
    [{ name: '__http-id' }, 'cookie.name'],
  ])('refuse %j and name %s', (cookie, name) => {
    expect(refusalOf({ cookie }).option).toBe(name);
  });

  it.each(['__Host-id', '__Host-Http-id', '__Secure-id', '__Http-id'])(
    'refuse what browsers would drop: %s without Secure, SameSite=None without it, a partition without it',
    (name) => {
      expect(refusalOf({ cookie: { name, secure: false } }).option).toBe('cookie.name');
      const embedded = { sameSite: 'none', partitioned: true };
      expect(refusalOf({ cookie: { ...embedded, secure: false } }).option).toBe('cookie.sameSite');
    },
  );

  it('take a partitioned cookie with each prefix that a frame may use', () => {
    const embedded = { sameSite: 'none', partitioned: true };
    expect(settingsOf({ cookie: embedded }).cookie).toMatchObject({ name: '__Host-session', partitioned: true });
    expect(settingsOf({ cookie: { ...embedded, name: '__Host-Http-id' } }).cookie.partitioned).toBe(true);
    expect(settingsOf({ cookie: { ...embedded, domain: 'a.test' } }).cookie.name).toBe('__Secure-session');
  });

  it('tell of a domain, and of nothing else', () => {
    expect(listCookieNotices(settingsOf({ cookie: { domain: 'a.test' } }).cookie)).toEqual([
      expect.stringContaining('"__Secure-session" goes to every host below a.test'),
    ]);
    expect(listCookieNotices(settingsOf({ cookie: { sameSite: 'none' } }).cookie)).toEqual([]);
    expect(listCookieWarnings(settingsOf({ cookie: { domain: 'a.test' } }).cookie)).toEqual([]);
  });
});

describe('an insecure cookie with other options in production', () => {
  const before = process.env.NODE_ENV;

  afterEach(() => {
    process.env.NODE_ENV = before;
  });

  it.each([{}, { name: 'id' }, { domain: 'a.test' }])('is refused with %j (ASVS 3.3.1)', (cookie) => {
    process.env.NODE_ENV = 'production';
    expect(refusalOf({ cookie: { ...cookie, secure: false } }).option).toBe('cookie.secure');
  });
});

describe('clearSiteData', () => {
  it.each([
    ['cache'],
    [{}],
    [null],
    [['Cache']],
    [['*']],
    [['"cache"']],
    [['cache', 'cache']],
    [['cache\r\nX: 1']],
    [[undefined]],
    [[7]],
  ])('refuses %j', (clearSiteData) => {
    expect(refusalOf({ clearSiteData }).message).toMatch(
      /^clearSiteData must be an array of 'cache', 'cookies', 'storage', 'executionContexts', each once/,
    );
  });

  it('takes each type, and none', () => {
    const all = ['cache', 'cookies', 'storage', 'executionContexts'];
    expect(settingsOf({ clearSiteData: all }).clearSiteData).toEqual(all);
    expect(settingsOf({ clearSiteData: [] }).clearSiteData).toEqual([]);
  });
});

describe('bearer', () => {
  it.each([
    [{ bearer: 'nss_' }, 'bearer'],
    [{ bearer: null }, 'bearer'],
    [{ bearer: { header: 'X-Token' } }, 'bearer.header'],
    ...['', '_', 'nss', 'nss-', '1ss_', ' nss_', 'nss_ ', 'n s_', 'nss_\n', 'näs_', 'a'.repeat(16) + '_', 7].map(
      (prefix): [object, string] => [{ bearer: { prefix } }, 'bearer.prefix'],
    ),
  ])('refuses %j and names %s', (options, name) => {
    expect(refusalOf(options).option).toBe(name);
  });

  it.each<[unknown, unknown]>([
    [undefined, undefined],
    [false, undefined],
    [true, { prefix: 'nss_' }],
    [{}, { prefix: 'nss_' }],
    [{ prefix: undefined }, { prefix: 'nss_' }],
    [{ prefix: 'acme_sess_' }, { prefix: 'acme_sess_' }],
    [{ prefix: 'a_' }, { prefix: 'a_' }],
    [{ prefix: `${'a'.repeat(15)}_` }, { prefix: `${'a'.repeat(15)}_` }],
  ])('takes %j', (bearer, settings) => {
    expect(settingsOf({ bearer }).bearer).toEqual(settings);
  });
});
