import { formatDuration } from '../../core/session/duration.js';
import { DEFAULT_ROTATION_GRACE_MS, type SessionPolicy } from '../../core/session/session-policy.js';
import { TOKEN_ENTROPY_BITS } from '../../core/token/session-token.js';
import { deepFreeze } from '../../core/session/session.js';
import type { CookieSettings } from '../options/cookie-settings.js';
import type { OriginRules } from '../options/origin.js';
import { describeDeviation } from '../options/policy-deviations.js';
import type { SessionSettings } from '../options/session-settings.js';

/**
 * The policy in force, for documentation and auditors (ASVS 7.1.1 to 7.1.3). Plain JSON, frozen, without any key.
 * Durations are written as in the options. Nearly every name is that of an option; `null` and `[]` are off, none or not kept.
 */
export type DescribedSessionPolicy = Frozen<ReturnType<typeof describePolicy>>;

type Frozen<T> = T extends object ? { readonly [Name in keyof T]: Frozen<T[Name]> } : T;

/** A new option is one line here: it is then in the description and in its text. */
export function describePolicy(settings: SessionSettings) {
  const { policy, cookie, csrf, cleanup, store, tokenKeys, profile, ipAddresses } = settings;
  const keptFor = (ms: number) => (store.keepsHistory ? formatDuration(ms) : null);
  return deepFreeze({
    profile: profile.profile ?? null,
    store: store.name,
    idleTimeout: formatDuration(policy.idleTimeoutMs),
    absoluteTimeout: formatDuration(policy.absoluteTimeoutMs),
    touchInterval: formatDuration(policy.touchIntervalMs),
    secondFactorTimeout: formatDuration(policy.secondFactorTimeoutMs),
    maxIdentityProviderAge: formatOptional(settings.maxIdentityProviderAgeMs),
    maxSessionsPerUser: policy.maxSessionsPerUser ?? null,
    /** What one session more does; `null` without a limit. */
    onLimit: policy.maxSessionsPerUser === undefined ? null : policy.onLimit,
    rotation: describeRotation(policy),
    token: {
      entropyBits: tokenKeys ? TOKEN_ENTROPY_BITS.withKeys : TOKEN_ENTROPY_BITS.withoutKeys,
      storedAs: tokenKeys ? 'HMAC-SHA-256' : 'SHA-256',
      keys: tokenKeys?.length ?? 0,
    },
    cookie: describeCookie(cookie),
    origins: describeOrigins(settings.origins),
    /** `null`: no protection. */
    csrf: csrf ? { mode: csrf.mode, token: csrf.token } : null,
    /** `null`: other sites' pages may embed what sessions see, as far as the cookie gets there. */
    resourceIsolation: settings.resourceIsolation ?? null,
    /** `null`: sessions travel in cookies only. */
    bearer: settings.bearer ? { prefix: settings.bearer.prefix } : null,
    clearSiteData: [...settings.clearSiteData],
    sockets: { recheckInterval: formatDuration(settings.sockets.recheckIntervalMs) },
    /** Bytes of JSON in UTF-8. */
    maxDataBytes: policy.maxDataBytes,
    ipAddresses: ipAddresses.mode,
    /** Whether the application is asked about sessions that another client uses. */
    onAnomaly: settings.onAnomaly !== undefined,
    /** `null`: nothing is scheduled. */
    cleanup: cleanup.scheduled
      ? {
          interval: formatDuration(cleanup.intervalMs),
          batchSize: cleanup.batchSize,
          timeBudget: formatDuration(cleanup.timeBudgetMs),
        }
      : null,
    retention: {
      /** How long ended sessions are kept. */
      sessions: keptFor(settings.retentionMs),
      /** How long the row that each transition leaves in the audit log is kept. */
      audit: keptFor(settings.auditRetentionMs),
    },
    deviations: [...profile.deviations],
  });
}

/** The description as aligned lines, one for each value. */
export function formatPolicy({ deviations, ...policy }: DescribedSessionPolicy): string {
  const lines = flatten(policy);
  const width = Math.max(...lines.map(([name]) => name.length)) + 2;
  const found = deviations.map((deviation): Line => ['deviation', describeDeviation(deviation)]);
  const all: Line[] = [...lines, ...(found.length > 0 ? found : [['deviations', 'none'] as const])];
  return all.map(([name, value]) => `${name.padEnd(width)}${value}`).join('\n');
}

type Value = string | number | boolean | null | object;
type Line = readonly [name: string, value: string];

function flatten(value: object, path = ''): Line[] {
  return Object.entries<Value>({ ...value }).flatMap(([name, member]): Line[] => {
    if (Array.isArray(member)) return [[path + name, member.join(', ') || 'none']];
    if (typeof member === 'object' && member !== null) return flatten(member, `${path}${name}.`);
    return [[path + name, member === null ? 'none' : String(member)]];
  });
}

const formatOptional = (ms: number | undefined) => (ms === undefined ? null : formatDuration(ms));

function describeRotation({ rotateEveryMs, rotationGraceMs = DEFAULT_ROTATION_GRACE_MS }: SessionPolicy) {
  return {
    /** When a session gets a new token in any case; the old one is dead from then on. */
    at: ['sign-in', 'reauthentication', 'credential change'],
    /** `null`: not by time. */
    every: formatOptional(rotateEveryMs),
    grace: rotateEveryMs === undefined ? null : formatDuration(rotationGraceMs),
  };
}

function describeOrigins(origins: OriginRules) {
  return {
    /** `null`: whatever host the request names. */
    public: origins.public ? [...origins.public] : null,
    /** Public ones of an application's own scheme are among them. */
    trusted: [...origins.trusted],
    onMissing: origins.onMissing,
  };
}

function describeCookie({ name, domain, sameSite, secure, persistent, partitioned }: CookieSettings) {
  return {
    name,
    prefix: /^__(?:Host-Http|Host|Secure|Http)-/.exec(name)?.[0] ?? null,
    /** `null`: the host that set it only. */
    domain: domain ?? null,
    path: '/',
    secure,
    httpOnly: true,
    sameSite,
    /** Whether it outlives the browser's own session. */
    persistent,
    partitioned,
  };
}
