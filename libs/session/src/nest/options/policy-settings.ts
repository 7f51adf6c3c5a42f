import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { SessionPolicy } from '../../core/session/session-policy.js';
import { assertCount, assertOneOf } from './option-checks.js';
import { resolveRotation } from './rotation-settings.js';
import type { SessionModuleOptions } from './session-module-options.interface.js';

const MAX_TOUCH_INTERVAL_MS = 60_000;

/** @throws {SessionConfigurationError} A limit is wrong, or contradicts another one. */
export function resolvePolicy(options: SessionModuleOptions): SessionPolicy {
  const { onLimit = 'revoke-oldest', maxDataBytes = 4096, maxSessionsPerUser } = options;
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
  const rotation = resolveRotation(options.rotation, absoluteTimeoutMs);
  assertOneOf(onLimit, ['revoke-oldest', 'reject'], 'onLimit');
  assertCount(maxDataBytes, 'maxDataBytes');
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
    maxDataBytes,
  };
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
