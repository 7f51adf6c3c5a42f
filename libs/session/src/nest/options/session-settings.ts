import { parseDuration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { SessionPolicy } from '../../core/session/session-policy.js';
import type { SessionStoreDefinition } from '../../core/ports/store-definition.js';
import { resolveBearerSettings, type BearerSettings } from './bearer-settings.js';
import { findClearSiteDataProblem } from './clear-site-data.js';
import { resolveCleanupSettings, type CleanupSettings } from './cleanup-settings.js';
import { resolveCookieSettings, type CookieSettings } from './cookie-settings.js';
import { resolveCsrfSettings, type CsrfSettings } from './csrf-settings.js';
import { resolveIpAddresses, type IpAddressSettings } from './ip-address-settings.js';
import { assertKnownOptions, describeValue } from './option-checks.js';
import type { OriginRules } from './origin.js';
import { resolveOriginSettings } from './origin-settings.js';
import { assertProfile, resolveProfile, type ProfileSettings } from './policy-deviations.js';
import type { ClearSiteData, SessionModuleOptions } from './session-module-options.interface.js';
import { withProfileDefaults } from './session-profiles.js';
import { resolveResourceIsolation, type ResourceIsolationMode } from './resource-isolation-settings.js';
import { resolvePolicy } from './policy-settings.js';
import { resolveRetention, type RetentionSettings } from './retention-settings.js';
import { resolveSocketSettings, type SocketSettings } from './socket-settings.js';

/** The options checked, with defaults filled in and durations in ms. */
export interface SessionSettings extends RetentionSettings {
  readonly store: SessionStoreDefinition;
  readonly profile: ProfileSettings;
  readonly policy: SessionPolicy;
  readonly tokenKeys: readonly (string | Uint8Array)[] | undefined;
  readonly cookie: CookieSettings;
  readonly origins: OriginRules;
  /** `undefined`: no protection. */
  readonly csrf: CsrfSettings | undefined;
  readonly resourceIsolation: ResourceIsolationMode;
  /** `undefined`: sessions travel in cookies only. */
  readonly bearer: BearerSettings | undefined;
  readonly clearSiteData: readonly ClearSiteData[];
  /** `undefined`: no limit of its own. */
  readonly maxIdentityProviderAgeMs: number | undefined;
  readonly redirect: SessionModuleOptions['redirect'];
  readonly onAnomaly: SessionModuleOptions['onAnomaly'];
  readonly cleanup: CleanupSettings;
  readonly sockets: SocketSettings;
  readonly ipAddresses: IpAddressSettings;
}

const OPTION_NAMES: readonly (keyof SessionModuleOptions)[] = [
  'store',
  'idleTimeout',
  'absoluteTimeout',
  'secondFactorTimeout',
  'touchInterval',
  'rotation',
  'maxSessionsPerUser',
  'onLimit',
  'maxDataBytes',
  'tokenKeys',
  'cookie',
  'origins',
  'csrf',
  'resourceIsolation',
  'bearer',
  'clearSiteData',
  'maxIdentityProviderAge',
  'redirect',
  'onAnomaly',
  'cleanup',
  'profile',
  'justifications',
  'ipAddresses',
  'retention',
  'sockets',
];

/** @throws {SessionConfigurationError} An option is wrong or unknown. */
export function resolveSessionSettings(given: SessionModuleOptions): SessionSettings {
  assertKnownOptions(given, OPTION_NAMES);
  assertStoreDefinition(given.store);
  assertProfile(given.profile);
  const options = withProfileDefaults(given);
  const policy = resolvePolicy(options);
  const cookie = resolveCookieSettings(options.cookie);
  return {
    store: options.store,
    profile: resolveProfile(options, { policy, cookie }),
    policy,
    tokenKeys: resolveTokenKeys(options.tokenKeys),
    cookie,
    origins: resolveOriginSettings(options.origins),
    csrf: resolveCsrfSettings(options.csrf),
    resourceIsolation: resolveResourceIsolation(options.resourceIsolation),
    bearer: resolveBearerSettings(options.bearer),
    clearSiteData: resolveClearSiteData(options.clearSiteData),
    maxIdentityProviderAgeMs: resolveMaxIdentityProviderAge(options),
    redirect: resolveFunction(options, 'redirect'),
    onAnomaly: resolveFunction(options, 'onAnomaly'),
    cleanup: resolveCleanupSettings(options.cleanup, options.store),
    sockets: resolveSocketSettings(options.sockets),
    ipAddresses: resolveIpAddresses(options.ipAddresses),
    ...resolveRetention(options.retention),
  };
}

function assertStoreDefinition(store: SessionStoreDefinition): void {
  const given: Partial<SessionStoreDefinition> = store ?? {};
  if (typeof given.create === 'function' && Array.isArray(given.inject) && typeof given.name === 'string') return;
  throw new SessionConfigurationError(
    'store',
    `must be memoryStore(), redisStore({ ... }), postgresStore({ ... }) or a SessionStoreDefinition of your own, but is ${describeValue(store)}`,
  );
}

function resolveMaxIdentityProviderAge({ maxIdentityProviderAge: age }: SessionModuleOptions): number | undefined {
  return age === undefined ? undefined : parseDuration(age, 'maxIdentityProviderAge');
}

function resolveFunction<Name extends 'redirect' | 'onAnomaly'>(
  options: SessionModuleOptions,
  name: Name,
): SessionModuleOptions[Name] {
  const given = options[name];
  if (given === undefined || typeof given === 'function') return given;
  throw new SessionConfigurationError(name, `must be a function, but is ${describeValue(given)}`);
}

function resolveTokenKeys(tokenKeys: SessionModuleOptions['tokenKeys']): SessionSettings['tokenKeys'] {
  if (tokenKeys === undefined) return undefined;
  if (!Array.isArray(tokenKeys) || tokenKeys.length === 0) {
    throw new SessionConfigurationError('tokenKeys', 'must be an array of at least one key, or be left out');
  }
  tokenKeys.forEach((key: unknown, index) => {
    if (typeof key === 'string' || key instanceof Uint8Array) return;
    throw new SessionConfigurationError(`tokenKeys[${index}]`, `must be a string or bytes, but is ${typeof key}`);
  });
  const spelled = tokenKeys.map((key: string | Uint8Array) => Buffer.from(key).toString('hex'));
  spelled.forEach((key, index) => {
    const first = spelled.indexOf(key);
    if (first === index) return;
    throw new SessionConfigurationError(
      `tokenKeys[${index}]`,
      `is the same as tokenKeys[${first}]: name each key once`,
    );
  });
  return tokenKeys;
}

function resolveClearSiteData(types: SessionModuleOptions['clearSiteData'] = []): readonly ClearSiteData[] {
  const problem = findClearSiteDataProblem(types);
  if (problem !== undefined) throw new SessionConfigurationError('clearSiteData', problem);
  return types;
}
