import { SessionConfigurationError } from '../../core/session/session-errors.js';
import { findMoveProblem } from './moved-options.js';

/**
 * Checks that the value is an object with no other names than these.
 *
 * @param path - Where it stands in the options, such as `cookie`; empty for the options themselves.
 */
export function assertKnownOptions(value: unknown, names: readonly string[], path = ''): void {
  assertObject(value, path || 'options');
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    const full = path ? `${path}.${name}` : name;
    throw new SessionConfigurationError(
      full,
      findMoveProblem(full) ?? `is not an option of SessionModule: it knows ${names.join(', ')}`,
    );
  }
}

export function assertObject(value: unknown, option: string): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new SessionConfigurationError(option, `must be an object, but is ${describeValue(value)}`);
}

export function assertCount(value: unknown, option: string): asserts value is number {
  if (Number.isSafeInteger(value) && Number(value) > 0) return;
  throw new SessionConfigurationError(option, `must be a positive integer, but is ${describeValue(value)}`);
}

export function assertFlag(value: unknown, option: string): asserts value is boolean {
  if (typeof value === 'boolean') return;
  throw new SessionConfigurationError(option, `must be true or false, but is ${describeValue(value)}`);
}

export function assertOneOf(value: unknown, choices: readonly string[], option: string): void {
  if (typeof value === 'string' && choices.includes(value)) return;
  const wanted = choices.map((choice) => `'${choice}'`).join(' or ');
  throw new SessionConfigurationError(option, `must be ${wanted}, but is ${describeValue(value)}`);
}

/** A value in words for a message. */
export function describeValue(value: unknown): string {
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`;
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
