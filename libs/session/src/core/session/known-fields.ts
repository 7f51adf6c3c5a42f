import { SessionArgumentError } from './session-errors.js';

/** Characters of a field's name that an error shows. */
const MAX_SHOWN = 64;

/**
 * Checks that an input is an object with no other fields than these, so that a misspelt one is not ignored in silence.
 *
 * @param where - The call, such as `signIn`, for the message.
 * @throws {SessionArgumentError} Names the unknown field, the field that it was probably meant to be, and all known ones.
 */
export function assertKnownFields(input: unknown, allowed: readonly string[], where: string): asserts input is object {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new SessionArgumentError(`${where} takes an object with these fields: ${allowed.join(', ')}`);
  }
  for (const field of Object.keys(input)) {
    if (allowed.includes(field)) continue;
    const nearest = findNearestName(field, allowed);
    const hint = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
    throw new SessionArgumentError(
      `${where} has no field ${field.slice(0, MAX_SHOWN)}.${hint} Its fields are: ${allowed.join(', ')}`,
    );
  }
}

/** Returns the name that this one is a likely misspelling of, or `undefined` when not one of them is close. */
export function findNearestName(name: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let fewest = Math.min(name.length, Math.max(2, Math.floor(name.length / 3)) + 1);
  for (const candidate of names) {
    // A name of any length may come from a request's body: most cost no comparison.
    if (Math.abs(candidate.length - name.length) >= fewest) continue;
    const edits = countEdits(name.toLowerCase(), candidate.toLowerCase());
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = candidate;
  }
  return nearest;
}

/** Levenshtein distance: characters to insert, delete or exchange. */
function countEdits(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [row, character] of from.split('').entries()) {
    const current = [row + 1];
    for (const [column, other] of to.split('').entries()) {
      const exchanged = (previous[column] ?? 0) + (character === other ? 0 : 1);
      current.push(Math.min(exchanged, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[previous.length - 1] ?? 0;
}
