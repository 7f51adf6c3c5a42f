import { parseDuration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { assertFlag, assertKnownOptions, describeValue } from './option-checks.js';
import type { SessionModuleOptions } from './session-module-options.interface.js';

export interface SocketSettings {
  readonly allowedOrigins: ReadonlySet<string>;
  readonly requireOrigin: boolean;
  readonly recheckIntervalMs: number;
}

const MIN_RECHECK_INTERVAL_MS = 100;
const MAX_RECHECK_INTERVAL_MS = 3_600_000;

/** Where pages of the application are seen, and whom it trusts with unsafe requests. */
interface SocketOrigins {
  readonly publicOrigins?: Iterable<string>;
  readonly trustedOrigins?: Iterable<string>;
}

/** @throws {SessionConfigurationError} An origin is none, or an interval makes no sense. */
export function resolveSocketSettings(
  sockets: SessionModuleOptions['sockets'] = {},
  { publicOrigins = [], trustedOrigins = [] }: SocketOrigins = {},
): SocketSettings {
  assertKnownOptions(sockets, ['allowedOrigins', 'requireOrigin', 'recheckInterval'], 'sockets');
  const { allowedOrigins = [], requireOrigin = false, recheckInterval = '30s' } = sockets;
  assertFlag(requireOrigin, 'sockets.requireOrigin');
  if (!Array.isArray(allowedOrigins)) {
    throw new SessionConfigurationError(
      'sockets.allowedOrigins',
      `must be an array of origins, but is ${describeValue(allowedOrigins)}`,
    );
  }
  allowedOrigins.forEach((origin: unknown, index) => assertOrigin(origin, `sockets.allowedOrigins[${index}]`));
  const recheckIntervalMs = parseDuration(recheckInterval, 'sockets.recheckInterval');
  if (recheckIntervalMs < MIN_RECHECK_INTERVAL_MS || recheckIntervalMs > MAX_RECHECK_INTERVAL_MS) {
    throw new SessionConfigurationError(
      'sockets.recheckInterval',
      `must be from '100ms' to '1h', but is '${recheckInterval}'`,
    );
  }
  return {
    allowedOrigins: new Set([...allowedOrigins, ...publicOrigins, ...trustedOrigins]),
    requireOrigin,
    recheckIntervalMs,
  };
}

function assertOrigin(origin: unknown, option: string): void {
  if (typeof origin === 'string' && URL.canParse(origin) && /^https?:\/\//.test(origin)) {
    if (new URL(origin).origin === origin && !origin.includes('*')) return;
  }
  throw new SessionConfigurationError(
    option,
    `must be an origin as browsers send it, such as 'https://app.example.com', but is ${describeValue(origin)}`,
  );
}
