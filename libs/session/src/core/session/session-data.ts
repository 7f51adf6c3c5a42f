import { SessionArgumentError, SessionDataTooLargeError } from './session-errors.js';

/**
 * The application's data in a session, typed by declaration merging. Values are JSON. Parallel updates merge by top-level
 * key.
 *
 * @example
 * declare module 'nest-sessions' {
 *   interface SessionData {
 *     theme?: 'light' | 'dark';
 *   }
 * }
 */
// eslint-disable-next-line typescript/no-empty-object-type -- applications add the members
export interface SessionData {}

type NumericKey<T> = { [K in keyof T]-?: NonNullable<T[K]> extends number ? K : never }[keyof T];

/**
 * A change of top-level keys. It applies `unset` first, then `set`, then `increment` (an absent key counts as 0).
 *
 * @example
 * { set: { theme: 'dark' }, increment: { visits: 1 }, unset: ['draft'] }
 */
export interface SessionDataPatch<Data = SessionData> {
  readonly set?: Partial<Data>;
  readonly unset?: readonly (keyof Data)[];
  readonly increment?: { readonly [K in NumericKey<Data>]?: number };
}

/** The data in the form that stores see. */
export type JsonObject = { readonly [key: string]: unknown };

const MAX_DEPTH = 32;

/**
 * Applies a patch and returns new data. The given data stays unchanged.
 *
 * @throws {SessionArgumentError} `increment` names a key that holds something other than a number.
 */
export function patchData(data: JsonObject, patch: SessionDataPatch<Record<string, unknown>>): JsonObject {
  if (patch.set !== undefined) assertPlainObject(patch.set);
  const next = new Map(Object.entries(data));
  for (const key of patch.unset ?? []) next.delete(key);
  for (const [key, value] of Object.entries(patch.set ?? {})) {
    if (value === undefined) next.delete(key);
    else next.set(key, value);
  }
  for (const [key, by] of Object.entries<unknown>(patch.increment ?? {})) {
    const current = next.get(key) ?? 0;
    if (typeof by !== 'number' || typeof current !== 'number') {
      throw new SessionArgumentError(
        `session data "${key}" cannot be incremented: its value and the step must be numbers`,
      );
    }
    next.set(key, current + by);
  }
  return Object.fromEntries(next);
}

/** Returns those of the named top-level keys that the data has. */
export function pickData(data: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(data, key)).map((key) => [key, data[key]]));
}

/**
 * Checks that data survives JSON and every store unchanged and does not exceed the limit.
 *
 * @param maxBytes - Limit for the JSON text in UTF-8.
 * @throws {SessionArgumentError} Not a plain object of JSON values, or it holds a string that Postgres refuses (NUL, half a
 *   surrogate pair).
 * @throws {SessionDataTooLargeError} Larger than `maxBytes`.
 */
export function assertStorableData(data: unknown, maxBytes: number): asserts data is JsonObject {
  assertPlainObject(data);
  assertJson(data, 'data', 0);
  const sizeBytes = Buffer.byteLength(JSON.stringify(data));
  if (sizeBytes > maxBytes) throw new SessionDataTooLargeError(sizeBytes, maxBytes);
}

/**
 * Returns whether `data` contains `part`, by the rules of `jsonb @>` in Postgres: objects by key, arrays when each element
 * of the part is contained in some element, scalars when equal.
 */
export function containsJson(data: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(data) && part.every((wanted) => data.some((element) => containsJson(element, wanted)));
  }
  if (isPlainObject(part)) {
    return (
      isPlainObject(data) &&
      Object.entries(part).every(([key, wanted]) => Object.hasOwn(data, key) && containsJson(data[key], wanted))
    );
  }
  return data === part;
}

function assertJson(value: unknown, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw new SessionArgumentError(`session ${path} is nested deeper than ${MAX_DEPTH} levels`);
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value === 'string') return assertText(value, path);
  if (Array.isArray(value)) {
    // By index: forEach skips the holes of a sparse array, which JSON turns into null.
    for (let i = 0; i < value.length; i++) assertJson(value[i], `${path}[${i}]`, depth + 1);
    return;
  }
  if (isPlainObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      if (key === '__proto__') throw new SessionArgumentError(`session ${path} must not have a key "__proto__"`);
      assertText(key, `${path} key`);
      assertJson(member, `${path}.${key}`, depth + 1);
    }
    return;
  }
  throw new SessionArgumentError(
    `session ${path} is ${describe(value)}, which JSON cannot hold: store a string, finite number, boolean, null, array or plain object`,
  );
}

function assertText(text: string, path: string): void {
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new SessionArgumentError(
      `session ${path} holds a NUL character or half a surrogate pair, which Postgres refuses`,
    );
  }
}

function assertPlainObject(value: unknown): asserts value is Record<string, unknown> {
  if (!isPlainObject(value)) throw new SessionArgumentError('session data must be a plain object');
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (typeof value === 'object') return `a ${value?.constructor?.name ?? 'object'}`;
  return typeof value === 'number' ? String(value) : `a ${typeof value}`;
}
