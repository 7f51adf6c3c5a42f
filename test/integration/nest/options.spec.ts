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

describe('the options of SessionModule (pain 42)', () => {
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
      csrf: {
        publicOrigins: undefined,
        trustedOrigins: new Set(),
        mode: 'enforce',
        onMissing: 'allow',
        token: 'off',
      },
      resourceIsolation: undefined,
      cleanup: { scheduled: true, intervalMs: 15 * 60_000, batchSize: 1000, timeBudgetMs: 60_000 },
      sockets: { allowedOrigins: new Set(), requireOrigin: false, recheckIntervalMs: 30_000 },
      retentionMs: 30 * 86_400_000,
      auditRetentionMs: 365 * 86_400_000,
    });
  });

  it('rotate tokens periodically only when told to, with a grace of a minute', () => {
    const policyOf = (options: object) => resolveSessionSettings(optionsOf(options)).policy;
    expect(policyOf({})).toMatchObject({ rotateEveryMs: undefined, rotationGraceMs: 60_000 });
    expect(policyOf({ rotateEvery: '15m' })).toMatchObject({ rotateEveryMs: 900_000, rotationGraceMs: 60_000 });
    expect(policyOf({ rotateEvery: '2s', rotationGrace: '1s' })).toMatchObject({ rotationGraceMs: 1_000 });
    expect(policyOf({ rotationGrace: '10m' }).rotationGraceMs).toBe(600_000);
  });

  it('touch ten times per idle timeout when that is short', () => {
    expect(resolveSessionSettings(optionsOf({ idleTimeout: '5m' })).policy.touchIntervalMs).toBe(30_000);
    expect(resolveSessionSettings(optionsOf({ idleTimeout: '5ms' })).policy.touchIntervalMs).toBe(1);
  });

  it('take undefined for "not given", as configuration services do', () => {
    const given = { idleTimeout: undefined, cookie: { name: undefined }, cleanup: undefined, tokenKeys: undefined };
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
    [{ rotateEvery: 15 }, 'rotateEvery'],
    [{ rotateEvery: '60s' }, 'rotateEvery'],
    [{ rotateEvery: '2m', rotationGrace: '2m' }, 'rotateEvery'],
    [{ rotateEvery: '12h' }, 'rotateEvery'],
    [{ rotationGrace: '999ms' }, 'rotationGrace'],
    [{ rotationGrace: '601s' }, 'rotationGrace'],
    [{ rotationGrace: 'none' }, 'rotationGrace'],
    [{ maxSessionsPerUser: 0 }, 'maxSessionsPerUser'],
    [{ maxSessionsPerUser: 2.5 }, 'maxSessionsPerUser'],
    [{ maxSessionsPerUser: '5' }, 'maxSessionsPerUser'],
    [{ maxSessionsPerUser: Number.NaN }, 'maxSessionsPerUser'],
    [{ redirect: '/sign-in' }, 'redirect'],
    [{ onAnomaly: 'step-up' }, 'onAnomaly'],
    [{ onLimit: 'evict' }, 'onLimit'],
    [{ maxDataSize: -1 }, 'maxDataSize'],
    [{ maxDataSize: Infinity }, 'maxDataSize'],
    [{ tokenKeys: [] }, 'tokenKeys'],
    [{ tokenKeys: KEY }, 'tokenKeys'],
    [{ tokenKeys: [KEY, undefined] }, 'tokenKeys[1]'],
    [{ tokenKeys: [KEY, `${KEY}, another`, new TextEncoder().encode(KEY)] }, 'tokenKeys[2]'],
    [{ resourceIsolation: 'true' }, 'resourceIsolation'],
    [{ resourceIsolation: null }, 'resourceIsolation'],
    [{ resourceIsolation: {} }, 'resourceIsolation'],
    [{ cookie: null }, 'cookie'],
    [{ cookie: { secure: false } }, 'cookie.secure'],
    [{ cookie: { sameSite: 'Lax' } }, 'cookie.sameSite'],
    [{ cookie: { sameSite: 'none' }, insecureCookie: true }, 'cookie.sameSite'],
    [{ cookie: { persistent: 'yes' } }, 'cookie.persistent'],
    [{ cookie: { domain: 'https://example.test' } }, 'cookie.domain'],
    [{ cookie: { domain: '.example.test' } }, 'cookie.domain'],
    [{ cookie: { domain: 'example.test; Path=/x' } }, 'cookie.domain'],
    [{ cookie: { domain: 'example.test:3000' } }, 'cookie.domain'],
    [{ insecureCookie: 'true' }, 'insecureCookie'],
    [{ csrf: true }, 'csrf'],
    [{ csrf: null }, 'csrf'],
    [{ csrf: { publicOrigin: 'https://app.example.com' } }, 'csrf.publicOrigin'],
    [{ csrf: { publicOrigins: 'https://app.example.com' } }, 'csrf.publicOrigins'],
    [{ csrf: { publicOrigins: [] } }, 'csrf.publicOrigins'],
    [{ csrf: { publicOrigins: ['capacitor://localhost'] } }, 'csrf.publicOrigins[0]'],
    [{ csrf: { trustedOrigins: null } }, 'csrf.trustedOrigins'],
    [{ csrf: { mode: 'report' } }, 'csrf.mode'],
    [{ csrf: { onMissing: true } }, 'csrf.onMissing'],
    [{ csrf: { token: true } }, 'csrf.token'],
    [{ cleanup: true }, 'cleanup'],
    [{ cleanup: { every: '1h' } }, 'cleanup.every'],
    [{ cleanup: { interval: '21d' } }, 'cleanup.interval'],
    [{ cleanup: { interval: '' } }, 'cleanup.interval'],
    [{ sockets: { origins: [] } }, 'sockets.origins'],
    [{ sockets: [] }, 'sockets'],
    [{ sockets: { allowedOrigins: 'https://app.test' } }, 'sockets.allowedOrigins'],
    [{ sockets: { allowedOrigins: ['https://ok.test', 'https://app.test/'] } }, 'sockets.allowedOrigins[1]'],
    [{ sockets: { allowedOrigins: ['*'] } }, 'sockets.allowedOrigins[0]'],
    [{ sockets: { allowedOrigins: ['null'] } }, 'sockets.allowedOrigins[0]'],
    [{ sockets: { allowedOrigins: ['https://*.app.test'] } }, 'sockets.allowedOrigins[0]'],
    [{ sockets: { requireOrigin: 'yes' } }, 'sockets.requireOrigin'],
    [{ sockets: { recheckInterval: '99ms' } }, 'sockets.recheckInterval'],
    [{ sockets: { recheckInterval: '2h' } }, 'sockets.recheckInterval'],
    [{ cleanup: { batchSize: 0 } }, 'cleanup.batchSize'],
    [{ cleanup: { timeBudget: '1 m' } }, 'cleanup.timeBudget'],
    [{ retention: '30' }, 'retention'],
    [{ auditRetention: 'forever' }, 'auditRetention'],
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
    expect(refusalOf({ cookie: { name }, insecureCookie: true }).option).toBe('cookie.name');
  });

  it.each([
    ['__Host-Http-id', {}],
    ['__Secure-id', { domain: 'example.test' }],
    ['x'.repeat(4032), {}],
  ])('accept the cookie name %s with %j', (name, more) => {
    expect(resolveSessionSettings(optionsOf({ cookie: { name, ...more } })).cookie.name).toBe(name);
  });
});

describe('the origins of csrf', () => {
  it.each([
    'null',
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
    7,
    undefined,
  ])('refuse %j', (origin) => {
    for (const name of ['publicOrigins', 'trustedOrigins']) {
      const refusal = refusalOf({ csrf: { [name]: ['https://ok.example', origin] } });
      expect(refusal.option).toBe(`csrf.${name}[1]`);
      expect(refusal.message).toContain("must be scheme://host[:port] such as 'https://app.example.com'");
    }
  });

  it('are kept as browsers spell them', () => {
    const trustedOrigins = ['HTTPS://App.Example.com:443', 'http://[0:0::1]:80', 'capacitor://localhost'];
    const publicOrigins = ['http://localhost:3000'];
    const { csrf } = resolveSessionSettings(optionsOf({ csrf: { trustedOrigins, publicOrigins } }));
    expect([...(csrf?.trustedOrigins ?? [])]).toEqual([
      'https://app.example.com',
      'http://[::1]',
      'capacitor://localhost',
    ]);
    expect([...(csrf?.publicOrigins ?? [])]).toEqual(publicOrigins);
  });

  it('are none when it is off', () => {
    expect(resolveSessionSettings(optionsOf({ csrf: false })).csrf).toBeUndefined();
  });
});

describe('insecureCookie', () => {
  const before = process.env.NODE_ENV;

  afterEach(() => {
    process.env.NODE_ENV = before;
  });

  it('is refused in production (ASVS 3.3.1)', () => {
    process.env.NODE_ENV = 'production';
    expect(refusalOf({ insecureCookie: true }).message).toMatch(/^insecureCookie is for development/);
    expect(resolveSessionSettings(optionsOf({ insecureCookie: false })).cookie.secure).toBe(true);
  });
});

describe('a cookie that protects less than the default', () => {
  it.each<[object, RegExp]>([
    [{ insecureCookie: true }, /^insecureCookie is on: the session cookie travels over plain http/],
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
