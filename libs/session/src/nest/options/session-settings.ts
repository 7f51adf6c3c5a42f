import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { SessionPolicy } from '../../core/session/session-policy.js';
import type { SessionStoreDefinition } from '../../core/ports/session-store.js';
import { resolveBearerSettings, type BearerSettings } from './bearer-settings.js';
import { findClearSiteDataProblem } from './clear-site-data.js';
import { resolveCookieSettings, type CookieSettings } from './cookie-settings.js';
import { resolveCsrfSettings, type CsrfSettings } from './csrf-settings.js';
import { resolveIpAddresses, type IpAddressSettings } from './ip-address-settings.js';
import { assertCount, assertKnownOptions, assertOneOf, describeValue } from './option-checks.js';
import { assertProfile, resolveProfile, type ProfileSettings } from './policy-deviations.js';
import type { ClearSiteData, SessionModuleOptions } from './session-module-options.interface.js';
import { withProfileDefaults } from './session-profiles.js';
import { resolveResourceIsolation, type ResourceIsolationMode } from './resource-isolation-settings.js';
import { resolveTokenRotation } from './token-rotation-settings.js';
import { resolveSocketSettings, type SocketSettings } from './socket-settings.js';

/** The options checked, with defaults filled in and durations in ms. */
export interface SessionSettings {
  readonly store: SessionStoreDefinition;
  readonly profile: ProfileSettings;
  readonly policy: SessionPolicy;
  readonly tokenKeys: readonly (string | Uint8Array)[] | undefined;
  readonly cookie: CookieSettings;
  /** `undefined`: no protection. */
  readonly csrf: CsrfSettings | undefined;
  readonly resourceIsolation: ResourceIsolationMode;
  /** `undefined`: sessions travel in cookies only. */
  readonly bearer: BearerSettings | undefined;
  readonly clearSiteData: readonly ClearSiteData[];
  /** `undefined`: the identity provider's sign-in may be as old as the session. */
  readonly maxIdentityProviderAgeMs: number | undefined;
  readonly redirect: SessionModuleOptions['redirect'];
  readonly onAnomaly: SessionModuleOptions['onAnomaly'];
  readonly cleanup: CleanupSettings;
  readonly sockets: SocketSettings;
  readonly ipAddresses: IpAddressSettings;
  readonly retentionMs: number;
  readonly auditRetentionMs: number;
}

export interface CleanupSettings {
  readonly scheduled: boolean;
  readonly intervalMs: number;
  readonly batchSize: number;
  readonly timeBudgetMs: number;
}

const OPTION_NAMES: readonly (keyof SessionModuleOptions)[] = [
  'store',
  'idleTimeout',
  'absoluteTimeout',
  'secondFactorTimeout',
  'touchInterval',
  'rotateEvery',
  'rotationGrace',
  'maxSessionsPerUser',
  'onLimit',
  'maxDataSize',
  'tokenKeys',
  'cookie',
  'insecureCookie',
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
  'ipAddressKey',
  'retention',
  'auditRetention',
  'sockets',
];
const MAX_TOUCH_INTERVAL_MS = 60_000;
/** Timers of Node.js count to 2^31 ms; a tenth is added for the jitter. */
const MAX_CLEANUP_INTERVAL_MS = 20 * 86_400_000;

/** @throws {SessionConfigurationError} An option is wrong or unknown. */
export function resolveSessionSettings(given: SessionModuleOptions): SessionSettings {
  assertKnownOptions(given, OPTION_NAMES);
  assertStoreDefinition(given.store);
  assertProfile(given.profile);
  const options = withProfileDefaults(given);
  const policy = resolvePolicy(options);
  const cookie = resolveCookieSettings(options);
  const csrf = resolveCsrfSettings(options.csrf);
  return {
    store: options.store,
    profile: resolveProfile(options, { policy, cookie }),
    policy,
    tokenKeys: resolveTokenKeys(options.tokenKeys),
    cookie,
    csrf,
    resourceIsolation: resolveResourceIsolation(options.resourceIsolation),
    bearer: resolveBearerSettings(options.bearer),
    clearSiteData: resolveClearSiteData(options.clearSiteData),
    maxIdentityProviderAgeMs: resolveMaxIdentityProviderAge(options),
    redirect: resolveFunction(options, 'redirect'),
    onAnomaly: resolveFunction(options, 'onAnomaly'),
    cleanup: resolveCleanup(options.cleanup),
    sockets: resolveSocketSettings(options.sockets, csrf),
    ipAddresses: resolveIpAddresses(options),
    retentionMs: parseDuration(options.retention ?? '30d', 'retention'),
    auditRetentionMs: parseDuration(options.auditRetention ?? '365d', 'auditRetention'),
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

function resolvePolicy(options: SessionModuleOptions): SessionPolicy {
  const { onLimit = 'revoke-oldest', maxDataSize = 4096, maxSessionsPerUser } = options;
  const { idleTimeout = '30m', absoluteTimeout = '12h' } = options;
  const idleTimeoutMs = parseDuration(idleTimeout, 'idleTimeout');
  const absoluteTimeoutMs = parseDuration(absoluteTimeout, 'absoluteTimeout');
  if (idleTimeoutMs > absoluteTimeoutMs) {
    throw new SessionConfigurationError(
      'idleTimeout',
      `is ${idleTimeout}, longer than absoluteTimeout (${absoluteTimeout}), so it would never end a session`,
    );
  }
  const touchIntervalMs = resolveTouchInterval(options.touchInterval, idleTimeoutMs);
  const rotation = resolveTokenRotation(options, absoluteTimeoutMs);
  assertOneOf(onLimit, ['revoke-oldest', 'reject'], 'onLimit');
  assertCount(maxDataSize, 'maxDataSize');
  if (maxSessionsPerUser !== undefined) assertCount(maxSessionsPerUser, 'maxSessionsPerUser');
  const secondFactorTimeoutMs = parseDuration(options.secondFactorTimeout ?? '10m', 'secondFactorTimeout');
  return {
    idleTimeoutMs,
    absoluteTimeoutMs,
    touchIntervalMs,
    secondFactorTimeoutMs,
    ...rotation,
    maxSessionsPerUser,
    onLimit,
    maxDataBytes: maxDataSize,
  };
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

function resolveTouchInterval(touchInterval: Duration | undefined, idleTimeoutMs: number): number {
  if (touchInterval === undefined) return Math.max(1, Math.min(MAX_TOUCH_INTERVAL_MS, Math.floor(idleTimeoutMs / 10)));
  const touchIntervalMs = parseDuration(touchInterval, 'touchInterval');
  if (touchIntervalMs <= idleTimeoutMs / 2) return touchIntervalMs;
  throw new SessionConfigurationError(
    'touchInterval',
    `is ${touchInterval}, more than half of idleTimeout: people who are active would be signed out`,
  );
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

function resolveCleanup(cleanup: SessionModuleOptions['cleanup']): CleanupSettings {
  const given = cleanup === false ? {} : (cleanup ?? {});
  assertKnownOptions(given, ['interval', 'batchSize', 'timeBudget'], 'cleanup');
  const { interval = '15m', batchSize = 1000, timeBudget = '1m' } = given;
  assertCount(batchSize, 'cleanup.batchSize');
  const intervalMs = parseDuration(interval, 'cleanup.interval');
  if (intervalMs > MAX_CLEANUP_INTERVAL_MS) {
    throw new SessionConfigurationError('cleanup.interval', `must be at most '20d', but is '${interval}'`);
  }
  const timeBudgetMs = parseDuration(timeBudget, 'cleanup.timeBudget');
  return { scheduled: cleanup !== false, intervalMs, batchSize, timeBudgetMs };
}
