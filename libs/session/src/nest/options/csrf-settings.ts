import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { type CrossOriginRules, formatOrigin, isWebOrigin, parseOrigin, type Origin } from './origin.js';
import { assertKnownOptions, assertOneOf, describeValue } from './option-checks.js';
import type { SessionModuleOptions } from './session-module-options.interface.js';

export interface CsrfSettings extends CrossOriginRules {
  readonly mode: 'enforce' | 'log-only';
  readonly token: 'off' | 'required';
}

/**
 * @returns `undefined`: protection is off.
 * @throws {SessionConfigurationError} An origin is none, or a name is unknown.
 */
export function resolveCsrfSettings(csrf: SessionModuleOptions['csrf'] = {}): CsrfSettings | undefined {
  if (csrf === false) return undefined;
  assertKnownOptions(csrf, ['publicOrigins', 'trustedOrigins', 'mode', 'onMissing', 'token'], 'csrf');
  const { publicOrigins, trustedOrigins = [], mode = 'enforce', onMissing = 'allow', token = 'off' } = csrf;
  assertOneOf(mode, ['enforce', 'log-only'], 'csrf.mode');
  assertOneOf(onMissing, ['allow', 'reject'], 'csrf.onMissing');
  assertOneOf(token, ['off', 'required'], 'csrf.token');
  return {
    publicOrigins: publicOrigins && resolvePublicOrigins(publicOrigins),
    trustedOrigins: resolveOrigins(trustedOrigins, 'csrf.trustedOrigins'),
    mode,
    onMissing,
    token,
  };
}

/** What to say at boot when requests of other sites come through. */
export function listCsrfWarnings(settings: CsrfSettings | undefined): string[] {
  if (!settings) return ['csrf is false: other sites can make browsers send requests, a sign-in among them'];
  if (settings.mode === 'enforce') return [];
  return ["csrf.mode is 'log-only': requests of other sites are logged and let through"];
}

function resolvePublicOrigins(given: unknown): ReadonlySet<string> {
  const option = 'csrf.publicOrigins';
  const origins = resolveOrigins(given, option, (origin) => {
    if (!isWebOrigin(origin)) return 'must start with https:// or http://';
    return undefined;
  });
  if (origins.size > 0) return origins;
  throw new SessionConfigurationError(option, 'must have at least one origin, or be left out');
}

function resolveOrigins(
  given: unknown,
  option: string,
  findProblem: (origin: Origin) => string | undefined = () => undefined,
): ReadonlySet<string> {
  if (!Array.isArray(given)) {
    throw new SessionConfigurationError(option, `must be an array of origins, but is ${describeValue(given)}`);
  }
  return new Set(
    given.map((one: unknown, index) => {
      const name = `${option}[${index}]`;
      const origin = typeof one === 'string' ? parseOrigin(one) : undefined;
      if (!origin) {
        throw new SessionConfigurationError(
          name,
          `must be scheme://host[:port] such as 'https://app.example.com', without path, trailing slash and wildcard, but is ${describeValue(one)}`,
        );
      }
      const problem = findProblem(origin);
      if (problem) throw new SessionConfigurationError(name, `${problem}, but is ${describeValue(one)}`);
      return formatOrigin(origin);
    }),
  );
}
