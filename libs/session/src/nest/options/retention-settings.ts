import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { assertKnownOptions } from './option-checks.js';

/** How long stores that keep history keep it, for `SessionModuleOptions.retention`. Others keep nothing. */
export interface SessionRetentionOptions {
  /** Keeps the rows of ended sessions this long, such as `'90d'`. Default `'30d'`. */
  readonly sessions?: Duration;
  /** Keeps the rows of the audit log this long, such as `'730d'`. Default `'365d'`. */
  readonly audit?: Duration;
}

export interface RetentionSettings {
  readonly retentionMs: number;
  readonly auditRetentionMs: number;
}

/** @throws {SessionConfigurationError} A duration is wrong, or the option is the bare string that it was once. */
export function resolveRetention(retention: SessionRetentionOptions = {}): RetentionSettings {
  if (typeof retention === 'string') {
    throw new SessionConfigurationError('retention', "is now retention.sessions: retention: { sessions: '30d' }");
  }
  assertKnownOptions(retention, ['sessions', 'audit'], 'retention');
  const { sessions = '30d', audit = '365d' } = retention;
  return {
    retentionMs: parseDuration(sessions, 'retention.sessions'),
    auditRetentionMs: parseDuration(audit, 'retention.audit'),
  };
}
