import { SessionConfigurationError } from './session-errors.js';

/** A duration with its unit, such as `'30m'`: ms, s, m, h or d. A bare number does not compile. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The longest duration accepted, so that no sum of an instant and a duration leaves the range of `Date`. */
const MAX_DURATION_MS = 400 * 365 * 86_400_000;

/**
 * Converts a duration to milliseconds, rounded to whole ones.
 *
 * @param option - Name of the option, for the message.
 * @throws {SessionConfigurationError} Not a positive number followed by a unit.
 */
export function parseDuration(value: Duration, option: string): number {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) : null;
  const ms = match ? Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0)) : 0;
  if (ms < 1 || ms > MAX_DURATION_MS) {
    throw new SessionConfigurationError(
      option,
      `must be a positive duration with a unit, such as '30m' or '12h', but is ${JSON.stringify(value)}`,
    );
  }
  return ms;
}

/** Formats whole milliseconds as the shortest option value, such as `'90s'`. Uses hours up to two days. */
export function formatDuration(ms: number): Duration {
  if (ms >= 2 * 86_400_000 && ms % 86_400_000 === 0) return `${ms / 86_400_000}d`;
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
