import { formatDuration, parseDuration, type Duration } from '../../core/session/duration.js';
import type { SessionPolicy } from '../../core/session/session-policy.js';
import type { CookieSettings } from './cookie-settings.js';
import type { JustifiableOption, SessionModuleOptions, SessionProfile } from './session-module-options.interface.js';

/** The part of the settings that profiles have an opinion of. */
export interface ProfiledSettings {
  readonly policy: SessionPolicy;
  readonly cookie: CookieSettings;
}

/** One thing that a profile asks for, and how to see whether the settings keep to it. */
export interface ProfileRule {
  readonly option: JustifiableOption;
  readonly limit: string;
  readonly source: string;
  /** The source leaves no choice (SHALL), so that no justification helps. */
  readonly isMandatory?: boolean;
  /** What the option is under this profile when the application says nothing. */
  readonly defaults?: ProfileDefaults;
  effective(settings: ProfiledSettings): string;
  isKept(settings: ProfiledSettings): boolean;
}

type LimitedDuration = 'idleTimeout' | 'absoluteTimeout' | 'rotation.every';

const nist = (section: string) => `NIST SP 800-63B-4, ${section}`;
const owasp = (section: string) => `OWASP Session Management Cheat Sheet, ${section}`;

const NOT_PERSISTENT: Omit<ProfileRule, 'source'> = {
  option: 'cookie.persistent',
  limit: 'false',
  effective: ({ cookie }) => String(cookie.persistent),
  isKept: ({ cookie }) => !cookie.persistent,
};

const NIST_COOKIE: readonly ProfileRule[] = [
  { ...NOT_PERSISTENT, source: nist('5.1 (secrets SHOULD NOT persist across a restart)') },
  {
    option: 'cookie.name',
    limit: 'a name with __Host-',
    source: nist('5.1.1 (SHOULD)'),
    effective: ({ cookie }) => cookie.name,
    isKept: ({ cookie }) => cookie.name.startsWith('__Host-'),
  },
  {
    option: 'cookie.sameSite',
    limit: 'lax or strict',
    source: nist('5.1.1 (SHOULD)'),
    effective: ({ cookie }) => cookie.sameSite,
    isKept: ({ cookie }) => cookie.sameSite !== 'none',
  },
  {
    // Not mandatory here: it is refused in production anyway, and development should run under the same profile.
    option: 'cookie.secure',
    limit: 'true',
    source: nist('5.1.1 (SHALL)'),
    effective: ({ cookie }) => String(cookie.secure),
    isKept: ({ cookie }) => cookie.secure,
  },
];

/** What each profile asks for: numbers that its source states, and nothing else. */
const RULES: Record<SessionProfile, readonly ProfileRule[]> = {
  aal1: [atMost('absoluteTimeout', '30d', nist('2.1.3 (SHOULD)')), ...NIST_COOKIE],
  aal2: [
    atMost('idleTimeout', '1h', nist('2.2.3 (SHOULD)')),
    atMost('absoluteTimeout', '24h', nist('2.2.3 (SHOULD)')),
    ...NIST_COOKIE,
  ],
  aal3: [
    atMost('idleTimeout', '15m', nist('2.3.3 (SHOULD)')),
    { ...atMost('absoluteTimeout', '12h', nist('2.3.3 (SHALL)')), isMandatory: true },
    ...NIST_COOKIE,
  ],
  'owasp-high': [
    atMost('idleTimeout', '5m', owasp('idle timeout (2 to 5 minutes for high-value applications)')),
    atMost('absoluteTimeout', '4h', owasp('absolute timeout (4 to 8 hours)')),
    atMost('rotation.every', '15m', owasp('renewal timeout, which it leaves without a number')),
    { ...NOT_PERSISTENT, source: owasp('non-persistent cookies') },
  ],
};

export const PROFILES = Object.keys(RULES) as readonly SessionProfile[];

/** None without a profile. */
export function listProfileRules(profile: SessionProfile | undefined): readonly ProfileRule[] {
  return profile === undefined ? [] : RULES[profile];
}

/**
 * The options with the profile's numbers where the application gave none. What it gave may be stricter: a number that would
 * not fit in so short a session gives way.
 */
export function withProfileDefaults(options: SessionModuleOptions): SessionModuleOptions {
  if (options.profile === undefined) return options;
  const defaults: ProfileDefaults = Object.assign(
    {},
    ...listProfileRules(options.profile).map((rule) => rule.defaults),
  );
  const { absoluteTimeout = defaults.absoluteTimeout } = options;
  const absoluteMs = absoluteTimeout === undefined ? undefined : parseDuration(absoluteTimeout, 'absoluteTimeout');
  const isTooLong = (value: Duration | undefined) =>
    value !== undefined && absoluteMs !== undefined && parseDuration(value, 'profile') >= absoluteMs;
  const { idleTimeout = isTooLong(defaults.idleTimeout) ? absoluteTimeout : defaults.idleTimeout } = options;
  const every = defaults['rotation.every'];
  return {
    ...options,
    absoluteTimeout,
    idleTimeout,
    rotation: isTooLong(every) ? withoutIdleGrace(options.rotation) : withDefaultEvery(options.rotation, every),
  };
}

/** A session too short for the profile's rotation has none, so a grace given for it has no effect. */
function withoutIdleGrace(rotation: SessionModuleOptions['rotation']) {
  return isOptions(rotation) && rotation?.every === undefined ? { ...rotation, grace: undefined } : rotation;
}

/** A rotation that is not an object is left to the check that says so. */
function withDefaultEvery(rotation: SessionModuleOptions['rotation'], every: Duration | undefined) {
  if (every === undefined || (rotation !== undefined && !isOptions(rotation))) return rotation;
  return { ...rotation, every: rotation?.every === undefined ? every : rotation.every };
}

function isOptions(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type ProfileDefaults = { readonly [Option in LimitedDuration]?: Duration };

const LIMITED: Readonly<Record<LimitedDuration, (policy: SessionPolicy) => number | undefined>> = {
  idleTimeout: (policy) => policy.idleTimeoutMs,
  absoluteTimeout: (policy) => policy.absoluteTimeoutMs,
  'rotation.every': (policy) => policy.rotateEveryMs,
};

/** The longest that the profile allows is its default. What is off lasts as long as the session. */
function atMost(option: LimitedDuration, limit: Duration, source: string): ProfileRule {
  const read = ({ policy }: ProfiledSettings) => LIMITED[option](policy);
  const limitMs = parseDuration(limit, option);
  return {
    option,
    limit,
    source,
    defaults: { [option]: limit },
    effective: (settings) => {
      const ms = read(settings);
      return ms === undefined ? 'off' : formatDuration(ms);
    },
    isKept: (settings) => (read(settings) ?? settings.policy.absoluteTimeoutMs) <= limitMs,
  };
}
