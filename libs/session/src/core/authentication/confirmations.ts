import type { JsonObject } from '../session/session-data.js';
import { SessionArgumentError } from '../session/session-errors.js';

/** The key of confirmations in the session's data. Replacing all of the data takes them back. */
const KEY = '$confirmations';
const ACTION = /^[\w.:-]{1,64}$/;
const MAX_CONFIRMATIONS = 16;

/** @throws {SessionArgumentError} Not 1 to 64 letters, digits, `_`, `.`, `:` or `-`. */
export function assertAction(action: unknown): asserts action is string {
  if (typeof action === 'string' && ACTION.test(action)) return;
  throw new SessionArgumentError(
    'a confirmed action must be 1 to 64 letters, digits, _, ., : or -, such as "transfer"',
  );
}

/** Returns the data with one more confirmation, without expired ones and the oldest beyond the maximum. */
export function addConfirmation(
  data: JsonObject,
  { action, now, validForMs }: { action: string; now: Date; validForMs: number },
): JsonObject {
  const others = readConfirmations(data).filter(([name, untilMs]) => name !== action && untilMs > now.getTime());
  const kept = others.toSorted((a, b) => b[1] - a[1]).slice(0, MAX_CONFIRMATIONS - 1);
  return { ...data, [KEY]: Object.fromEntries([...kept, [action, now.getTime() + validForMs]]) };
}

/** Returns the data without the confirmation, and whether it was present and not expired. */
export function takeConfirmation(
  data: JsonObject,
  { action, now }: { action: string; now: Date },
): { readonly taken: boolean; readonly data: JsonObject } {
  const all = readConfirmations(data);
  const found = all.find(([name]) => name === action);
  if (!found) return { taken: false, data };
  const rest = Object.fromEntries(Object.entries(data).filter(([key]) => key !== KEY));
  const others = all.filter((one) => one !== found);
  return {
    taken: found[1] > now.getTime(),
    data: others.length > 0 ? { ...rest, [KEY]: Object.fromEntries(others) } : rest,
  };
}

function readConfirmations(data: JsonObject): [action: string, untilMs: number][] {
  const stored: unknown = data[KEY];
  if (typeof stored !== 'object' || stored === null) return [];
  return Object.entries(stored).filter((one): one is [string, number] => typeof one[1] === 'number');
}
