import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { DEFAULT_ROTATION_GRACE_MS, type SessionPolicy } from '../../core/session/session-policy.js';
import { assertKnownOptions } from './option-checks.js';

/** Periodic rotation of tokens, for `SessionModuleOptions.rotation`. */
export interface SessionRotationOptions {
  /**
   * Gives a token one successor at the first request after this time, such as `'15m'`; the response's cookie carries it.
   * Longer than `grace` and shorter than `absoluteTimeout`. Default off.
   */
  readonly every?: Duration;
  /**
   * Keeps the old token working after the client first came with its successor, for requests under way and late tabs:
   * from `'1s'` to `'10m'`, such as `'30s'`. Default `'60s'`. Used again after that, the old token ends the session.
   */
  readonly grace?: Duration;
}

const MIN_GRACE_MS = 1_000;
const MAX_GRACE_MS = 600_000;

/** @throws {SessionConfigurationError} `grace` is out of range or without `every`, or `every` would never or always rotate. */
export function resolveRotation(
  rotation: SessionRotationOptions = {},
  absoluteTimeoutMs: number,
): Pick<SessionPolicy, 'rotateEveryMs' | 'rotationGraceMs'> {
  assertKnownOptions(rotation, ['every', 'grace'], 'rotation');
  const { every, grace } = rotation;
  const rotationGraceMs = grace === undefined ? DEFAULT_ROTATION_GRACE_MS : parseDuration(grace, 'rotation.grace');
  if (rotationGraceMs < MIN_GRACE_MS || rotationGraceMs > MAX_GRACE_MS) {
    throw new SessionConfigurationError('rotation.grace', `must be from '1s' to '10m', but is '${grace}'`);
  }
  if (every === undefined) {
    if (grace === undefined) return { rotateEveryMs: undefined, rotationGraceMs };
    throw new SessionConfigurationError(
      'rotation.grace',
      `does nothing without rotation.every: set that too, as in rotation: { every: '15m', grace: '${grace}' }, or remove it`,
    );
  }
  const rotateEveryMs = parseDuration(every, 'rotation.every');
  if (rotateEveryMs <= rotationGraceMs) {
    throw new SessionConfigurationError(
      'rotation.every',
      `is ${every}, not longer than rotation.grace (${grace ?? '60s'}): tokens would be replaced while their predecessors are still good`,
    );
  }
  if (rotateEveryMs >= absoluteTimeoutMs) {
    throw new SessionConfigurationError(
      'rotation.every',
      `is ${every}, not shorter than absoluteTimeout, so it would never rotate a token: shorten it or leave it out`,
    );
  }
  return { rotateEveryMs, rotationGraceMs };
}
