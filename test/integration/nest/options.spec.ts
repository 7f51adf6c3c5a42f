import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { memoryStore, SessionConfigurationError, SessionModule, type SessionModuleOptions } from 'nest-sessions';
import { listCookieWarnings } from '#src/nest/options/cookie-settings.js';
import { resolveSessionSettings } from '#src/nest/options/session-settings.js';

const KEY = 'k'.repeat(32);

/** As JavaScript, or a configuration file, would hand it over. */
const optionsOf = (options: object) => ({ store: memoryStore(), ...options }) as SessionModuleOptions;

const refusalOf = (options: object): SessionConfigurationError => {
  try {
    resolveSessionSettings(optionsOf(options));
  } catch (error) {
    if (error instanceof SessionConfigurationError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(options)}`);
};

describe('the options of SessionModule (tj/connect-redis#410)', () => {
  it('have the documented defaults', () => {
    expect(resolveSessionSettings(optionsOf({}))).toMatchObject({
      policy: {
        idleTimeoutMs: 30 * 60_000,
        absoluteTimeoutMs: 12 * 3_600_000,
        touchIntervalMs: 60_000,
        maxSessionsPerUser: undefined,
        onLimit: 'revoke-oldest',
        maxDataBytes: 4096,
      },
      tokenKeys: undefined,
      cookie: {
        name: '__Host-session',
        domain: undefined,
        sameSite: 'lax',
        secure: true,
        persistent: false,
        partitioned: false,
      },
      bearer: undefined,
      clearSiteData: [],
      origins: { public: undefined, trusted: new Set(), onMissing: 'allow' },
      csrf: { mode: 'enforce', token: 'off' },
      resourceIsolation: undefined,
      cleanup: { scheduled: true, intervalMs: 15 * 60_000, batchSize: 1000, timeBudgetMs: 600_000 },
      sockets: { recheckIntervalMs: 30_000 },
      ipAddresses: { mode: 'full' },
      retentionMs: 30 * 86_400_000,
      auditRetentionMs: 365 * 86_400_000,
    });
  });

  it('rotate tokens periodically only when told to, with a grace of a minute', () => {
    const policyOf = (options: object) => resolveSessionSettings(optionsOf(options)).policy;
    expect(policyOf({})).toMatchObject({ rotateEveryMs: undefined, rotationGraceMs: 60_000 });
    expect(policyOf({ rotation: {} })).toMatchObject({ rotateEveryMs: undefined, rotationGraceMs: 60_000 });
    expect(policyOf({ rotation: { every: '15m' } })).toMatchObject({ rotateEveryMs: 900_000, rotationGraceMs: 60_000 });
    expect(policyOf({ rotation: { every: '2s', grace: '1s' } })).toMatchObject({ rotationGraceMs: 1_000 });
    expect(policyOf({ rotation: { every: '11m', grace: '10m' } }).rotationGraceMs).toBe(600_000);
  });

  it('touch ten times per idle timeout when that is short', () => {
    expect(resolveSessionSettings(optionsOf({ idleTimeout: '5m' })).policy.touchIntervalMs).toBe(30_000);
    expect(resolveSessionSettings(optionsOf({ idleTimeout: '5ms' })).policy.touchIntervalMs).toBe(1);
  });

  it('take undefined for "not given", as configuration services do', () => {
    const given = {
      idleTimeout: undefined,
      cookie: { name: undefined },
      cleanup: undefined,
      tokenKeys: undefined,
      rotation: { every: undefined, grace: undefined },
      retention: { sessions: undefined },
      origins: { public: undefined, trusted: undefined },
      ipAddresses: undefined,
    };
    expect(resolveSessionSettings(optionsOf(given)).cookie.name).toBe('__Host-session');
  });

  it('keep cleanup on demand possible when its schedule is off', () => {
    expect(resolveSessionSettings(optionsOf({ cleanup: false })).cleanup).toMatchObject({
      scheduled: false,
      batchSize: 1000,
    });
  });

  it.each<[object, string]>([
    [{ idleTimeOut: '5m' }, 'idleTimeOut'],
    [{ store: undefined }, 'store'],
    [{ store: memoryStore }, 'store'],
    [{ store: new Map() }, 'store'],
    [{ store: null }, 'store'],
    [{ idleTimeout: 30 }, 'idleTimeout'],
    [{ idleTimeout: '30' }, 'idleTimeout'],
    [{ idleTimeout: '0m' }, 'idleTimeout'],
    [{ idleTimeout: '13h' }, 'idleTimeout'],
    [{ absoluteTimeout: 'never' }, 'absoluteTimeout'],
    [{ absoluteTimeout: '20m' }, 'idleTimeout'],
    [{ touchInterval: '16m' }, 'touchInterval'],
    [{ touchInterval: '-1m' }, 'touchInterval'],
    [{ rotation: '15m' }, 'rotation'],
    [{ rotation: null }, 'rotation'],
    [{ rotation: { interval: '15m' } }, 'rotation.interval'],
    [{ rotation: { every: 15 } }, 'rotation.every'],
    [{ rotation: { every: '60s' } }, 'rotation.every'],
    [{ rotation: { every: '2m', grace: '2m' } }, 'rotation.every'],
    [{ rotation: { every: '12h' } }, 'rotation.every'],
    [{ rotation: { every: '1h', grace: '999ms' } }, 'rotation.grace'],
    [{ rotation: { every: '1h', grace: '601s' } }, 'rotation.grace'],
    [{ rotation: { every: '1h', grace: 'none' } }, 'rotation.grace'],
    [{ rotation: { grace: '30s' } }, 'rotation.grace'],
    [{ maxSessionsPerUser: 0 }, 'maxSessionsPerUser'],
    [{ maxSessionsPerUser: 2.5 }, 'maxSessionsPerUser'],
    [{ maxSessionsPerUser: '5' }, 'maxSessionsPerUser'],
    [{ maxSessionsPerUser: Number.NaN }, 'maxSessionsPerUser'],
    [{ redirect: '/sign-in' }, 'redirect'],
    [{ onAnomaly: 'step-up' }, 'onAnomaly'],
    [{ onLimit: 'evict' }, 'onLimit'],
    [{ maxDataBytes: -1 }, 'maxDataBytes'],
    [{ maxDataBytes: Infinity }, 'maxDataBytes'],
    [{ tokenKeys: [] }, 'tokenKeys'],
    [{ tokenKeys: KEY }, 'tokenKeys'],
    [{ tokenKeys: [KEY, undefined] }, 'tokenKeys[1]'],
    [{ tokenKeys: [KEY, `${KEY}, another`, new TextEncoder().encode(KEY)] }, 'tokenKeys[2]'],
    [{ resourceIsolation: 'true' }, 'resourceIsolation'],
    [{ resourceIsolation: null }, 'resourceIsolation'],
    [{ resourceIsolation: {} }, 'resourceIsolation'],
    [{ cookie: null }, 'cookie'],
    [{ cookie: { secure: 'true' } }, 'cookie.secure'],
    [{ cookie: { httpOnly: true } }, 'cookie.httpOnly'],
    [{ cookie: { sameSite: 'Lax' } }, 'cookie.sameSite'],
    [{ cookie: { sameSite: 'none', secure: false } }, 'cookie.sameSite'],
    [{ cookie: { persistent: 'yes' } }, 'cookie.persistent'],
    [{ cookie: { domain: 'https://example.test' } }, 'cookie.domain'],
    [{ cookie: { domain: '.example.test' } }, 'cookie.domain'],
    [{ cookie: { domain: 'example.test; Path=/x' } }, 'cookie.domain'],
    [{ cookie: { domain: 'example.test:3000' } }, 'cookie.domain'],
    [{ csrf: true }, 'csrf'],
    [{ csrf: null }, 'csrf'],
    [{ origins: 'https://app.example.com' }, 'origins'],
    [{ origins: ['https://app.example.com'] }, 'origins'],
    [{ origins: { own: [] } }, 'origins.own'],
    [{ origins: { public: 'https://app.example.com' } }, 'origins.public'],
    [{ origins: { public: [] } }, 'origins.public'],
    [{ origins: { trusted: null } }, 'origins.trusted'],
    [{ origins: { onMissing: true } }, 'origins.onMissing'],
    [{ csrf: { mode: 'report' } }, 'csrf.mode'],
    [{ csrf: { token: true } }, 'csrf.token'],
    [{ cleanup: true }, 'cleanup'],
    [{ cleanup: { every: '1h' } }, 'cleanup.every'],
    [{ cleanup: { interval: '21d' } }, 'cleanup.interval'],
    [{ cleanup: { interval: '' } }, 'cleanup.interval'],
    [{ sockets: { origins: [] } }, 'sockets.origins'],
    [{ sockets: [] }, 'sockets'],
    [{ sockets: { recheckInterval: '99ms' } }, 'sockets.recheckInterval'],
    [{ sockets: { recheckInterval: '2h' } }, 'sockets.recheckInterval'],
    [{ cleanup: { batchSize: 0 } }, 'cleanup.batchSize'],
    [{ cleanup: { timeBudget: '1 m' } }, 'cleanup.timeBudget'],
    [{ retention: '30d' }, 'retention'],
    [{ retention: 30 }, 'retention'],
    [{ retention: { ended: '30d' } }, 'retention.ended'],
    [{ retention: { sessions: '30' } }, 'retention.sessions'],
    [{ retention: { audit: 'forever' } }, 'retention.audit'],
  ])('refuse %j and name %s', (options, name) => {
    const refusal = refusalOf(options);
    expect(refusal.option).toBe(name);
    expect(refusal.message.startsWith(`${name} `)).toBe(true);
  });

  it.each(['a;b', 'a b', 'a=b', 'a\rb', 'a\nb', 'a\tb', 'a,b', '"a"', 'ä', '', 'a\0', 'x'.repeat(4033), 7])(
    'refuse the cookie name %j (CVE-2024-47764, ASVS 3.3.5)',
    (name) => {
      expect(refusalOf({ cookie: { name } }).option).toBe('cookie.name');
    },
  );

  it.each<[string, object]>([
    ['__Host-id', { domain: 'example.test' }],
    ['__Host-Http-id', { domain: 'example.test' }],
    ['__host-id', {}],
    ['__SECURE-id', {}],
  ])('refuse the cookie name %s with %j, whose prefix browsers would enforce', (name, more) => {
    expect(refusalOf({ cookie: { name, ...more } }).option).toBe('cookie.name');
  });

  it.each(['__Host-id', '__Secure-id', '__Http-id', '__Host-Http-id'])('refuse %s on an insecure cookie', (name) => {
    expect(refusalOf({ cookie: { name, secure: false } }).option).toBe('cookie.name');
  });

  it.each([
    ['__Host-Http-id', {}],
    ['__Secure-id', { domain: 'example.test' }],
    ['x'.repeat(4032), {}],
  ])('accept the cookie name %s with %j', (name, more) => {
    expect(resolveSessionSettings(optionsOf({ cookie: { name, ...more } })).cookie.name).toBe(name);
  });
});

describe('the option origins', () => {
  it.each([
    '',
    '*',
    'https://*.example.com',
    'app.example.com',
    '//app.example.com',
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://app.example.com?query',
    'https://app.example.com#',
    'https://user@app.example.com',
    'https://app.example.com:',
    'https://app.example.com:99999',
    'https://a.example, https://b.example',
    ' https://app.example.com',
    'https://müller.example',
    'capacitor://',
    'capacitor://localhost/',
    'capacitor:localhost',
    'app://*',
    7,
    undefined,
  ])('refuse %j', (origin) => {
    for (const name of ['public', 'trusted']) {
      const refusal = refusalOf({ origins: { [name]: ['https://ok.example', origin] } });
      expect(refusal.option).toBe(`origins.${name}[1]`);
      expect(refusal.message).toContain("must be scheme://host[:port] such as 'https://app.example.com'");
    }
  });

  it.each(['public', 'trusted'])('refuses null in %s in words: anyone can send it', (name) => {
    expect(refusalOf({ origins: { [name]: ['null'] } }).message).toBe(
      `origins.${name}[0] is 'null', which every sandboxed frame and local file sends: serve the page from an origin of its own, such as 'capacitor://localhost'`,
    );
  });

  it.each([
    ['https://app.example.com/', 'https://app.example.com'],
    ['HTTPS://App.example.com:443/path?query', 'https://app.example.com'],
    ['capacitor://localhost/', 'capacitor://localhost'],
  ])('says of %j what was meant', (given, meant) => {
    expect(refusalOf({ origins: { trusted: [given] } }).message).toMatch(new RegExp(`: write '${meant}'$`));
  });

  it('keeps them as browsers spell them', () => {
    const trusted = [
      'HTTPS://App.Example.com:443',
      'http://[0:0::1]:80',
      'Capacitor://LOCALHOST',
      'tauri://localhost:80',
    ];
    const { origins } = resolveSessionSettings(optionsOf({ origins: { trusted, public: ['http://localhost:3000'] } }));
    expect([...origins.trusted]).toEqual([
      'https://app.example.com',
      'http://[::1]',
      'capacitor://localhost',
      'tauri://localhost:80',
    ]);
    expect([...(origins.public ?? [])]).toEqual(['http://localhost:3000']);
  });

  it('trusts a public origin of an app’s own scheme, and holds browsers to the others only', () => {
    const originsOf = (list: string[]) => resolveSessionSettings(optionsOf({ origins: { public: list } })).origins;
    expect(originsOf(['https://app.example.com', 'ionic://localhost'])).toEqual({
      public: new Set(['https://app.example.com']),
      trusted: new Set(['ionic://localhost']),
      onMissing: 'allow',
    });
    expect(originsOf(['ionic://localhost']).public).toBeUndefined();
  });

  it('holds for sockets and isolation when csrf is off, too', () => {
    const { csrf, origins } = resolveSessionSettings(optionsOf({ csrf: false, origins: { trusted: ['app://a'] } }));
    expect(csrf).toBeUndefined();
    expect([...origins.trusted]).toEqual(['app://a']);
  });
});

describe('an option under its old name', () => {
  it.each<[object, string]>([
    [{ rotateEvery: '20m' }, "rotateEvery is now rotation.every: rotation: { every: '15m' }"],
    [{ rotateEvery: undefined }, "rotateEvery is now rotation.every: rotation: { every: '15m' }"],
    [{ rotationGrace: '30s' }, "rotationGrace is now rotation.grace: rotation: { every: '15m', grace: '60s' }"],
    [{ retention: '30d' }, "retention is now retention.sessions: retention: { sessions: '30d' }"],
    [{ auditRetention: '365d' }, "auditRetention is now retention.audit: retention: { audit: '365d' }"],
    [
      { csrf: { publicOrigins: [] } },
      "csrf.publicOrigins is now origins.public: origins: { public: ['https://app.example.com'] }",
    ],
    [
      { csrf: { trustedOrigins: undefined } },
      "csrf.trustedOrigins is now origins.trusted: origins: { trusted: ['https://partner.example'] }",
    ],
    [{ csrf: { onMissing: 'reject' } }, "csrf.onMissing is now origins.onMissing: origins: { onMissing: 'reject' }"],
    [
      { sockets: { allowedOrigins: null } },
      "sockets.allowedOrigins is now origins.public, or origins.trusted for other sites: origins: { public: ['https://app.example.com'] }",
    ],
    [
      { sockets: { requireOrigin: true } },
      "sockets.requireOrigin is now origins.onMissing: origins: { onMissing: 'reject' }",
    ],
    [{ insecureCookie: true }, 'insecureCookie is now cookie.secure: cookie: { secure: false }'],
    [{ ipAddressKey: KEY }, "ipAddressKey is now ipAddresses.key: ipAddresses: { mode: 'hashed', key }"],
    [{ maxDataSize: 64 }, 'maxDataSize is now maxDataBytes: maxDataBytes: 4096'],
    [
      { profile: 'owasp-high', justifications: { rotateEvery: 'why' } },
      "justifications.rotateEvery is now justifications['rotation.every']: justifications: { 'rotation.every': 'why' }",
    ],
    [
      { profile: 'aal1', justifications: { insecureCookie: 'why' } },
      "justifications.insecureCookie is now justifications['cookie.secure']: justifications: { 'cookie.secure': 'why' }",
    ],
  ])('%j is told its new one', (options, message) => {
    expect(refusalOf(options).message).toBe(message);
  });
});

describe('the option ipAddresses', () => {
  it.each<[unknown, string]>([
    [
      'hashed',
      `ipAddresses 'hashed' needs a key of at least 32 bytes: ipAddresses: { mode: 'hashed', key }; generate one with "openssl rand -base64 48"`,
    ],
    ['whole', `ipAddresses must be 'full' or 'truncated' or 'none' or { mode: 'hashed', key }, but is "whole"`],
    [null, `ipAddresses must be 'full' or 'truncated' or 'none' or { mode: 'hashed', key }, but is null`],
    [
      { mode: 'truncated', key: KEY },
      `ipAddresses.mode must be 'hashed', the one mode that has a key, but is "truncated": write the others as ipAddresses: 'truncated'`,
    ],
    [
      { mode: 'hashed', key: 'k'.repeat(31) },
      'ipAddresses.key must have at least 32 bytes: generate one with "openssl rand -base64 48"',
    ],
  ])('%j is refused and says how', (ipAddresses, message) => {
    expect(refusalOf({ ipAddresses }).message).toBe(message);
  });

  it('takes a key as text or as bytes', () => {
    const modeOf = (key: unknown) =>
      resolveSessionSettings(optionsOf({ ipAddresses: { mode: 'hashed', key } })).ipAddresses.mode;
    expect([modeOf(KEY), modeOf(new Uint8Array(32))]).toEqual(['hashed', 'hashed']);
  });
});

describe('cookie.secure: false', () => {
  const before = process.env.NODE_ENV;

  afterEach(() => {
    process.env.NODE_ENV = before;
  });

  it('is refused in production (ASVS 3.3.1)', () => {
    process.env.NODE_ENV = 'production';
    expect(refusalOf({ cookie: { secure: false } }).message).toMatch(
      /^cookie\.secure is false, which is for development/,
    );
    expect(resolveSessionSettings(optionsOf({ cookie: { secure: true } })).cookie.secure).toBe(true);
  });
});

describe('a cookie that protects less than the default', () => {
  it.each<[object, RegExp]>([
    [{ cookie: { secure: false } }, /^cookie\.secure is false: the session cookie travels over plain http/],
    [{ cookie: { name: 'id' } }, /^cookie\.name "id" has no __Host- or __Secure- prefix/],
    [{ cookie: { sameSite: 'none' } }, /^cookie\.sameSite is 'none': other sites can send requests/],
  ])('%j is warned of at boot', (options, warning) => {
    expect(listCookieWarnings(resolveSessionSettings(optionsOf(options)).cookie)).toEqual([
      expect.stringMatching(warning),
    ]);
  });

  it('is not the default one, nor one for a domain', () => {
    expect(listCookieWarnings(resolveSessionSettings(optionsOf({})).cookie)).toEqual([]);
    expect(listCookieWarnings(resolveSessionSettings(optionsOf({ cookie: { domain: 'a.test' } })).cookie)).toEqual([]);
  });
});

describe('a wrong option', () => {
  it.each<[object, RegExp]>([
    [{ idleTimeOut: '5m' }, /^idleTimeOut is not an option of SessionModule: it knows store, idleTimeout, /],
    [{ tokenKeys: ['too short'] }, /^tokenKeys\[0\] must have at least 32 bytes/],
  ])('%j fails the boot', async (options, message) => {
    const root = Test.createTestingModule({ imports: [SessionModule.forRoot(optionsOf(options))] });
    await expect(root.compile()).rejects.toThrow(message);
    const later = Test.createTestingModule({
      imports: [SessionModule.forRootAsync({ useFactory: () => optionsOf(options) })],
    });
    await expect(later.compile()).rejects.toThrow(message);
  });

  it.each<[unknown, RegExp]>([
    [undefined, /^options must be an object, but is undefined/],
    ['redis', /^options must be an object, but is "redis"/],
    [optionsOf({ isGlobal: 'yes' }), /^isGlobal must be true or false, but is "yes"/],
  ])('for the module itself, such as %j, is refused where it is given', (options, message) => {
    for (const method of ['forRoot', 'forRootAsync'] as const) {
      expect(() => SessionModule[method](options as never)).toThrow(message);
      expect(() => SessionModule[method](options as never)).toThrow(SessionConfigurationError);
    }
  });
});
