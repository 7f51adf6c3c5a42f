import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { assertKnownOptions } from './option-checks.js';

/** Open connections (WebSockets and server-sent events), for `SessionModuleOptions.sockets`. See `origins` for who may open one. */
export interface SessionSocketOptions {
  /**
   * Interval at which the sessions of open connections are checked, for ends whose signal was lost: from `'100ms'` to
   * `'1h'`, such as `'10s'`. Default `'30s'`.
   */
  readonly recheckInterval?: Duration;
}

export interface SocketSettings {
  readonly recheckIntervalMs: number;
}

const MIN_RECHECK_INTERVAL_MS = 100;
const MAX_RECHECK_INTERVAL_MS = 3_600_000;

/** @throws {SessionConfigurationError} The interval is out of range, or a name is unknown. */
export function resolveSocketSettings(sockets: SessionSocketOptions = {}): SocketSettings {
  assertKnownOptions(sockets, ['recheckInterval'], 'sockets');
  const { recheckInterval = '30s' } = sockets;
  const recheckIntervalMs = parseDuration(recheckInterval, 'sockets.recheckInterval');
  if (recheckIntervalMs >= MIN_RECHECK_INTERVAL_MS && recheckIntervalMs <= MAX_RECHECK_INTERVAL_MS) {
    return { recheckIntervalMs };
  }
  throw new SessionConfigurationError(
    'sockets.recheckInterval',
    `must be from '100ms' to '1h', but is '${recheckInterval}'`,
  );
}
