import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { describeValue } from './option-checks.js';

/** `undefined`: off. */
export type ResourceIsolationMode = 'enforce' | 'log-only' | undefined;

/** @throws {SessionConfigurationError} Not one of the allowed values. */
export function resolveResourceIsolation(given: boolean | 'log-only' = false): ResourceIsolationMode {
  if (given === 'log-only') return given;
  if (typeof given === 'boolean') return given ? 'enforce' : undefined;
  throw new SessionConfigurationError(
    'resourceIsolation',
    `must be true, false or 'log-only', but is ${describeValue(given)}`,
  );
}

/** What to say at boot when requests of other sites come through although the option is there. */
export function listResourceIsolationWarnings(mode: ResourceIsolationMode): string[] {
  if (mode !== 'log-only') return [];
  return ["resourceIsolation is 'log-only': what other sites embed is logged and let through"];
}
