import { parseDuration, type Duration } from '../session/duration.js';
import { SessionConfigurationError } from '../session/session-errors.js';

const MAX_SHORT_MS = 3_600_000;

/**
 * Checks that options are an object without unknown names.
 *
 * @param maker - The function that takes the options, for the message.
 * @throws {SessionConfigurationError} Not an object, or it holds an unknown name.
 */
export function assertStoreOptions(options: unknown, maker: string, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SessionConfigurationError(maker, 'must be given an object of options');
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new SessionConfigurationError(`${maker}.${unknown}`, `is not an option: ${maker} knows ${names.join(', ')}`);
}

/** Parses how long to wait for a backend. @throws {SessionConfigurationError} Not a duration, or longer than an hour. */
export function parseShortDuration(value: Duration, option: string): number {
  const ms = parseDuration(value, option);
  if (ms > MAX_SHORT_MS) throw new SessionConfigurationError(option, `must be at most 1h, but is ${value}`);
  return ms;
}
