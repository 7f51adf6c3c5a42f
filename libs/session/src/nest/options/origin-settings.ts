import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { assertKnownOptions, assertOneOf, describeValue } from './option-checks.js';
import { formatOrigin, isWebOrigin, parseOrigin, type Origin, type OriginRules } from './origin.js';

/**
 * Origins whose pages may use a visitor's session, for `SessionModuleOptions.origins`. Applies to unsafe requests (`csrf`),
 * reads (`resourceIsolation`) and sockets. An origin is `scheme://host[:port]`, custom schemes of apps included, such as
 * `'capacitor://localhost'` or `'tauri://localhost'`.
 */
export interface SessionOriginOptions {
  /**
   * The public origins of the application, such as `['https://app.example.com']`. Required behind a proxy that changes
   * `Host`. Browsers without `Sec-Fetch-Site` must send one of them as `Origin`, scheme included. An origin with an app's
   * custom scheme counts as trusted, because to browsers it is always cross-site. Default: the host that the request names.
   */
  readonly public?: readonly string[];
  /**
   * Other origins whose pages may send unsafe requests, read by CORS despite `resourceIsolation`, and open sockets, such as
   * `['https://partner.example', 'https://localhost']`. Default: none.
   */
  readonly trusted?: readonly string[];
  /**
   * Allows or rejects unsafe requests with neither `Sec-Fetch-Site` nor `Origin`, and socket handshakes without `Origin`.
   * Clients other than browsers send them. Default `'allow'`.
   */
  readonly onMissing?: 'allow' | 'reject';
}

/** @throws {SessionConfigurationError} Not a valid origin, or an unknown name. */
export function resolveOriginSettings(origins: SessionOriginOptions = {}): OriginRules {
  assertKnownOptions(origins, ['public', 'trusted', 'onMissing'], 'origins');
  const { trusted = [], onMissing = 'allow' } = origins;
  assertOneOf(onMissing, ['allow', 'reject'], 'origins.onMissing');
  const publicOrigins = origins.public === undefined ? [] : resolveOrigins(origins.public, 'origins.public');
  if (origins.public !== undefined && publicOrigins.length === 0) {
    throw new SessionConfigurationError('origins.public', 'must have at least one origin, or be left out');
  }
  const pages = publicOrigins.filter(isWebOrigin);
  const apps = publicOrigins.filter((origin) => !isWebOrigin(origin));
  return {
    public: pages.length > 0 ? new Set(pages.map(formatOrigin)) : undefined,
    trusted: new Set([...resolveOrigins(trusted, 'origins.trusted'), ...apps].map(formatOrigin)),
    onMissing,
  };
}

function resolveOrigins(given: unknown, option: string): Origin[] {
  if (!Array.isArray(given)) {
    throw new SessionConfigurationError(option, `must be an array of origins, but is ${describeValue(given)}`);
  }
  return given.map((one: unknown, index) => {
    const origin = typeof one === 'string' ? parseOrigin(one) : undefined;
    if (origin) return origin;
    throw new SessionConfigurationError(`${option}[${index}]`, findProblem(one));
  });
}

function findProblem(given: unknown): string {
  if (given === 'null') {
    return "is 'null', which every sandboxed frame and local file sends: serve the page from an origin of its own, such as 'capacitor://localhost'";
  }
  const wanted = `must be scheme://host[:port] such as 'https://app.example.com', without path, trailing slash and wildcard, but is ${describeValue(given)}`;
  const meant = typeof given === 'string' ? parseOrigin(given.replace(/(?<![:/])\/.*$/, '')) : undefined;
  return meant ? `${wanted}: write '${formatOrigin(meant)}'` : wanted;
}
