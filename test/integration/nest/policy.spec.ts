import { describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  memoryStore,
  SessionConfigurationError,
  SessionModule,
  SessionPolicyDescription,
  SessionService,
  type JustifiableOption,
  type SessionModuleOptions,
  type SessionProfile,
} from 'nest-sessions';
import { postgresStore } from 'nest-sessions/postgres';
import { resolveSessionSettings } from '#src/nest/options/session-settings.js';
import { describePolicy, formatPolicy } from '#src/nest/policy/describe-policy.js';
import { CollectingLogger } from '../../e2e/support/test-app.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

const TOKEN_KEYS = ['first secret key of the application', 'older secret key of the application'];
const ADDRESS_KEY = 'secret key of addresses, 32 bytes or more';

/** As JavaScript, or a configuration file, would hand it over. */
const optionsOf = (options: object) => ({ store: memoryStore(), cleanup: false, ...options }) as SessionModuleOptions;
const settingsOf = (options: object) => resolveSessionSettings(optionsOf(options));
const deviationsOf = (options: object) => describePolicy(settingsOf(options)).deviations;

const refusalOf = (options: object): SessionConfigurationError => {
  try {
    settingsOf(options);
  } catch (error) {
    if (error instanceof SessionConfigurationError) return error;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(options)}`);
};

async function boot(options: object) {
  const logger = new CollectingLogger();
  const module = Test.createTestingModule({ imports: [SessionModule.forRoot(optionsOf(options))] });
  const app = await (await module.setLogger(logger).compile()).init();
  const lines = logger.lines.filter((line) => /profile|justif/.test(line));
  return { app, lines, description: app.get(SessionPolicyDescription) };
}

describe('a profile (ASVS 7.1.1)', () => {
  it.each<[SessionProfile, string, string]>([
    ['aal1', '30m', '30d'],
    ['aal2', '1h', '24h'],
    ['aal3', '15m', '12h'],
    ['owasp-high', '5m', '4h'],
  ])('%s gives the timeouts %s and %s, keeps to itself and says so', (profile, idleTimeout, absoluteTimeout) => {
    const described = describePolicy(settingsOf({ profile }));
    const rotation = { every: profile === 'owasp-high' ? '15m' : null };
    expect(described).toMatchObject({ profile, idleTimeout, absoluteTimeout, rotation, deviations: [] });
  });

  it('is none by default: the timeouts are those of the library', () => {
    expect(describePolicy(settingsOf({}))).toMatchObject({
      profile: null,
      idleTimeout: '30m',
      absoluteTimeout: '12h',
      maxSessionsPerUser: null,
      onLimit: null,
      rotation: { every: null, grace: null },
    });
  });

  it('gives way to explicit options, and undefined is not one', () => {
    const described = describePolicy(settingsOf({ profile: 'aal2', idleTimeout: '10m', absoluteTimeout: undefined }));
    expect(described).toMatchObject({ idleTimeout: '10m', absoluteTimeout: '24h', deviations: [] });
  });

  it.each<[object, object]>([
    [
      { profile: 'aal2', absoluteTimeout: '30m' },
      { idleTimeout: '30m', absoluteTimeout: '30m' },
    ],
    [
      { profile: 'owasp-high', absoluteTimeout: '15m' },
      { idleTimeout: '5m', rotation: { every: null } },
    ],
    [
      { profile: 'owasp-high', absoluteTimeout: '4m' },
      { idleTimeout: '4m', rotation: { every: null } },
    ],
    [
      { profile: 'owasp-high', absoluteTimeout: '16m' },
      { idleTimeout: '5m', rotation: { every: '15m' } },
    ],
  ])('gives way to stricter options too: %j boots, and keeps to the profile', (options, wanted) => {
    expect(describePolicy(settingsOf(options))).toMatchObject({ ...wanted, deviations: [] });
  });

  it('accepts a grace for the rotation of a profile, even where the session is too short for one', () => {
    const short = { profile: 'owasp-high', absoluteTimeout: '10m', rotation: { grace: '30s' } } as const;
    expect(settingsOf(short).policy.rotateEveryMs).toBeUndefined();
    expect(refusalOf({ rotation: { grace: '30s' } }).option).toBe('rotation.grace');
    expect(refusalOf({ ...short, rotation: { grace: '30s', other: 1 } }).option).toBe('rotation.other');
  });

  it('fills in the rotation beside a grace of the application’s own', () => {
    const described = describePolicy(settingsOf({ profile: 'owasp-high', rotation: { grace: '30s' } }));
    expect(described.rotation).toMatchObject({ every: '15m', grace: '30s' });
  });

  it('does not bend what the application gave', () => {
    expect(refusalOf({ profile: 'aal2', idleTimeout: '1h', absoluteTimeout: '30m' }).option).toBe('idleTimeout');
    expect(refusalOf({ profile: 'owasp-high', rotation: { every: '15m' }, absoluteTimeout: '15m' }).option).toBe(
      'rotation.every',
    );
    expect(refusalOf({ profile: 'aal2', absoluteTimeout: 'never' }).option).toBe('absoluteTimeout');
  });

  it('decides what sessions get', async () => {
    const { app } = await boot({ profile: 'aal3' });
    const { session } = await app.get(SessionService).create({ userId: 'ada' });
    expect(session.expiresAt.getTime() - session.createdAt.getTime()).toBe(HOUR_MS / 4);
    expect(session.absoluteExpiresAt.getTime() - session.createdAt.getTime()).toBe(12 * HOUR_MS);
    await app.close();
  });

  it.each<[object, JustifiableOption[]]>([
    [{ profile: 'aal1', absoluteTimeout: '31d', idleTimeout: '31d' }, ['absoluteTimeout']],
    [{ profile: 'aal2', idleTimeout: '3600001ms' }, ['idleTimeout']],
    [{ profile: 'aal2', absoluteTimeout: '25h', idleTimeout: '61m' }, ['idleTimeout', 'absoluteTimeout']],
    [{ profile: 'aal3', idleTimeout: '16m' }, ['idleTimeout']],
    [{ profile: 'owasp-high', idleTimeout: '6m', absoluteTimeout: '5h' }, ['idleTimeout', 'absoluteTimeout']],
    [{ profile: 'owasp-high', rotation: { every: '16m' } }, ['rotation.every']],
    [{ profile: 'owasp-high', rotation: { every: '10m', grace: '30s' } }, []],
    [{ profile: 'aal2', cookie: { persistent: true } }, ['cookie.persistent']],
    [{ profile: 'owasp-high', cookie: { persistent: true, sameSite: 'none' } }, ['cookie.persistent']],
    [{ profile: 'aal1', cookie: { sameSite: 'none', domain: 'a.test' } }, ['cookie.name', 'cookie.sameSite']],
    [{ profile: 'aal1', cookie: { secure: false } }, ['cookie.name', 'cookie.secure']],
    [{ idleTimeout: '300d', absoluteTimeout: '300d', cookie: { persistent: true } }, []],
    [{ profile: 'aal2', idleTimeout: '1h', absoluteTimeout: '24h', cookie: { sameSite: 'strict' } }, []],
  ])('says of %j that it deviates in %j', (options, wanted) => {
    expect(deviationsOf(options).map(({ option }) => option)).toEqual(wanted);
  });

  it('aal3 refuses an absolute timeout over 12 hours, justified or not: that is a SHALL', () => {
    for (const justifications of [undefined, { absoluteTimeout: 'the shifts are long' }]) {
      const refusal = refusalOf({ profile: 'aal3', absoluteTimeout: '13h', justifications });
      expect(refusal.option).toBe('absoluteTimeout');
      expect(refusal.message).toBe(
        "absoluteTimeout is 13h, but profile 'aal3' allows at most 12h and no justification lifts that (NIST SP 800-63B-4, 2.3.3 (SHALL)): shorten it or choose another profile",
      );
    }
  });

  it.each<[object, string]>([
    [{ profile: 'aal4' }, 'profile'],
    [{ profile: 'toString' }, 'profile'],
    [{ profile: null }, 'profile'],
    [{ justifications: { idleTimeout: 'because' } }, 'justifications.idleTimeout'],
    [{ profile: 'aal1', justifications: { idleTimeout: 'because' } }, 'justifications.idleTimeout'],
    [{ profile: 'aal2', justifications: { idletimeout: 'because' } }, 'justifications.idletimeout'],
    [{ profile: 'aal2', justifications: 'because' }, 'justifications'],
    [{ profile: 'aal2', justifications: null }, 'justifications'],
    [{ profile: 'aal2', idleTimeout: '2h', justifications: { idleTimeout: '' } }, 'justifications.idleTimeout'],
    [{ profile: 'aal2', idleTimeout: '2h', justifications: { idleTimeout: ' \t ' } }, 'justifications.idleTimeout'],
    [{ profile: 'aal2', idleTimeout: '2h', justifications: { idleTimeout: 'a\nb' } }, 'justifications.idleTimeout'],
    [{ profile: 'aal2', idleTimeout: '2h', justifications: { idleTimeout: true } }, 'justifications.idleTimeout'],
    [{ ipAddresses: 'anonymous' }, 'ipAddresses'],
    [{ ipAddresses: 'hashed' }, 'ipAddresses'],
    [{ ipAddresses: { mode: 'hashed' } }, 'ipAddresses.key'],
    [{ ipAddresses: { mode: 'hashed', key: 'k'.repeat(31) } }, 'ipAddresses.key'],
    [{ ipAddresses: { mode: 'hashed', key: [] } }, 'ipAddresses.key'],
    [{ ipAddresses: { mode: 'truncated', key: ADDRESS_KEY } }, 'ipAddresses.mode'],
    [{ ipAddresses: { key: ADDRESS_KEY } }, 'ipAddresses.mode'],
    [{ profile: 'owasp-high', rotation: 'never' }, 'rotation'],
    [{ profile: 'owasp-high', rotation: null }, 'rotation'],
    [{ profile: 'owasp-high', rotation: { every: null } }, 'rotation.every'],
    [{ profile: 'owasp-high', idleTimeout: null }, 'idleTimeout'],
  ])('%j is refused by the name of %s', (options, name) => {
    expect(refusalOf(options).option).toBe(name);
  });
});

describe('the boot', () => {
  it('warns once of each deviation that nobody justified: option, value, limit, source', async () => {
    const { app, lines } = await boot({ profile: 'aal2', idleTimeout: '2h', cookie: { persistent: true } });
    expect(lines).toEqual([
      "warn idleTimeout is 2h where the profile asks for 1h [NIST SP 800-63B-4, 2.2.3 (SHOULD)], without justification: keep to it, or say in justifications['idleTimeout'] why not",
      "warn cookie.persistent is true where the profile asks for false [NIST SP 800-63B-4, 5.1 (secrets SHOULD NOT persist across a restart)], without justification: keep to it, or say in justifications['cookie.persistent'] why not",
    ]);
    await app.close();
  });

  it('tells a justified one at debug level, and shows it in the description', async () => {
    const justifications = { idleTimeout: ' wall displays in locked rooms ' };
    const { app, lines, description } = await boot({ profile: 'aal2', idleTimeout: '2h', justifications });
    expect(lines).toEqual([
      'debug idleTimeout is 2h where the profile asks for 1h [NIST SP 800-63B-4, 2.2.3 (SHOULD)], justified by "wall displays in locked rooms"',
    ]);
    expect(description.describePolicy().deviations).toEqual([
      {
        option: 'idleTimeout',
        effective: '2h',
        limit: '1h',
        source: 'NIST SP 800-63B-4, 2.2.3 (SHOULD)',
        justification: 'wall displays in locked rooms',
      },
    ]);
    expect(String(description)).toContain('justified by "wall displays in locked rooms"');
    await app.close();
  });

  it('warns of a justification that nothing needs: it would hide a deviation to come', async () => {
    const { app, lines } = await boot({ profile: 'aal2', justifications: { idleTimeout: 'once it was 2h' } });
    expect(lines).toEqual([
      "warn justifications['idleTimeout'] is not needed and would hide a later deviation: idleTimeout keeps to the profile",
    ]);
    await app.close();
  });

  it.each([{}, { profile: 'aal2' }, { idleTimeout: '300d', absoluteTimeout: '300d' }])(
    'says nothing of %j',
    async (options) => {
      const { app, lines } = await boot(options);
      expect(lines).toEqual([]);
      await app.close();
    },
  );
});

describe('the description of the policy (ASVS 7.1.1, 7.1.2)', () => {
  const full = () =>
    settingsOf({
      store: { ...postgresStore(), inject: [] },
      profile: 'aal2',
      absoluteTimeout: '36h',
      justifications: { absoluteTimeout: 'on-call shifts last that long' },
      maxSessionsPerUser: 5,
      tokenKeys: TOKEN_KEYS,
      rotation: { every: '20m', grace: '90s' },
      origins: {
        public: ['https://app.example.test', 'capacitor://localhost'],
        trusted: ['https://a.test', 'app://b'],
      },
      csrf: { token: 'required' },
      cookie: { domain: 'example.test', sameSite: 'strict', persistent: true },
      maxIdentityProviderAge: '8h',
      resourceIsolation: true,
      bearer: { prefix: 'acme_' },
      clearSiteData: ['cache', 'storage'],
      cleanup: { interval: '10m' },
      ipAddresses: { mode: 'hashed', key: ADDRESS_KEY },
      retention: { sessions: '90d', audit: '730d' },
    });

  it('is this with the defaults', () => {
    expect(describePolicy(settingsOf({ cleanup: undefined }))).toMatchSnapshot();
  });

  it('is this with everything set', () => {
    expect(describePolicy(full())).toMatchSnapshot();
  });

  it('reads like this', () => {
    expect(`\n${formatPolicy(describePolicy(full()))}\n`).toMatchSnapshot();
    expect(formatPolicy(describePolicy(settingsOf({})))).toMatch(/^deviations +none$/m);
  });

  it('is frozen JSON, and the same one every time', async () => {
    const { app, description } = await boot({ profile: 'aal2', idleTimeout: '2h' });
    const policy = description.describePolicy();
    expect(JSON.parse(JSON.stringify(policy))).toEqual(policy);
    expect(description.describePolicy()).toBe(policy);
    for (const part of [policy, policy.cookie, policy.deviations, policy.deviations[0]]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    await app.close();
  });

  it('holds no key, whole or in part, however it is printed', () => {
    const policy = describePolicy(full());
    const printed = `${JSON.stringify(policy)}\n${formatPolicy(policy)}`;
    for (const key of [...TOKEN_KEYS, ADDRESS_KEY]) {
      for (const form of [
        key,
        key.slice(0, 8),
        Buffer.from(key).toString('base64'),
        Buffer.from(key).toString('hex'),
      ]) {
        expect(printed).not.toContain(form);
      }
    }
    expect(policy.token).toEqual({ entropyBits: 192, storedAs: 'HMAC-SHA-256', keys: 2 });
    expect(policy.cookie.name).toBe('__Secure-session');
  });

  it('can be injected anywhere', async () => {
    const { app, description } = await boot({});
    expect(description).toBeInstanceOf(SessionPolicyDescription);
    expect(description.describePolicy().store).toBe('memory');
    await app.close();
  });
});
