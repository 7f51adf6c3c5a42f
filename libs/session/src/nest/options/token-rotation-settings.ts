import { parseDuration } from '../../core/session/duration.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { DEFAULT_ROTATION_GRACE_MS, type SessionPolicy } from '../../core/session/session-policy.js';
import type { SessionModuleOptions } from './session-module-options.interface.js';

const MIN_GRACE_MS = 1_000;
const MAX_GRACE_MS = 600_000;

/** @throws {SessionConfigurationError} `rotationGrace` is out of range, or `rotateEvery` would never or always rotate. */
export function resolveTokenRotation(
  { rotateEvery, rotationGrace }: Pick<SessionModuleOptions, 'rotateEvery' | 'rotationGrace'>,
  absoluteTimeoutMs: number,
): Pick<SessionPolicy, 'rotateEveryMs' | 'rotationGraceMs'> {
  const rotationGraceMs =
    rotationGrace === undefined ? DEFAULT_ROTATION_GRACE_MS : parseDuration(rotationGrace, 'rotationGrace');
  if (rotationGraceMs < MIN_GRACE_MS || rotationGraceMs > MAX_GRACE_MS) {
    throw new SessionConfigurationError('rotationGrace', `must be from '1s' to '10m', but is '${rotationGrace}'`);
  }
  if (rotateEvery === undefined) return { rotateEveryMs: undefined, rotationGraceMs };
  const rotateEveryMs = parseDuration(rotateEvery, 'rotateEvery');
  if (rotateEveryMs <= rotationGraceMs) {
    throw new SessionConfigurationError(
      'rotateEvery',
      `is ${rotateEvery}, not longer than rotationGrace (${rotationGrace ?? '60s'}): tokens would be replaced while their predecessors are still good`,
    );
  }
  if (rotateEveryMs >= absoluteTimeoutMs) {
    throw new SessionConfigurationError(
      'rotateEvery',
      `is ${rotateEvery}, not shorter than absoluteTimeout, so it would never rotate a token: shorten it or leave it out`,
    );
  }
  return { rotateEveryMs, rotationGraceMs };
}
