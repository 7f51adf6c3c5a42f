import type { JsonObject } from '../../core/session/session-data.js';

export interface DataContainsCase {
  readonly data: JsonObject;
  readonly part: JsonObject;
  readonly contained: boolean;
}

const yes = (data: JsonObject, part: JsonObject): DataContainsCase => ({ data, part, contained: true });
const no = (data: JsonObject, part: JsonObject): DataContainsCase => ({ data, part, contained: false });

/** What `jsonb @>` decides, case by case; a spec compares this very table with a Postgres server. */
export const DATA_CONTAINS_CASES: readonly DataContainsCase[] = [
  yes({}, {}),
  yes({ a: 1 }, {}),
  no({}, { a: 1 }),
  yes({ a: 1, b: 2 }, { a: 1 }),
  no({ a: 1, b: 2 }, { a: 2 }),
  no({ a: 1 }, { a: 1, b: 2 }),
  no({ a: 1 }, { a: '1' }),
  no({ a: '1' }, { a: 1 }),
  yes({ a: 1 }, { a: 1.0 }),
  yes({ a: 100 }, { a: 1e2 }),
  no({ a: 0.1 + 0.2 }, { a: 0.3 }),
  yes({ a: null }, { a: null }),
  no({}, { a: null }),
  no({ a: null }, { a: false }),
  no({ a: 0 }, { a: false }),
  yes({ a: true }, { a: true }),
  no({ a: true }, { a: 'true' }),
  yes({ a: { b: 1, c: 2 } }, { a: { b: 1 } }),
  yes({ a: { b: 1 } }, { a: {} }),
  no({ a: 1 }, { a: {} }),
  no({ a: [] }, { a: {} }),
  no({ a: {} }, { a: [] }),
  no({ a: { b: { c: 1 } } }, { a: { c: 1 } }),
  yes({ a: [1, 2, 3] }, { a: [3, 1] }),
  yes({ a: [1, 2, 3] }, { a: [1, 1, 1] }),
  yes({ a: [1] }, { a: [] }),
  no({ a: [1, 2] }, { a: [1, 4] }),
  no({ a: [1, 2] }, { a: 1 }),
  no({ a: 1 }, { a: [1] }),
  no({ a: [1, [2, 3]] }, { a: [2] }),
  yes({ a: [1, [2, 3]] }, { a: [[3]] }),
  yes({ a: [[1, 2]] }, { a: [[]] }),
  no({ a: [1] }, { a: [[]] }),
  yes({ a: [{ b: 1, c: 2 }, { d: 3 }] }, { a: [{ c: 2 }] }),
  yes({ a: [{ b: 1, c: 2 }] }, { a: [{ b: 1 }, { c: 2 }] }),
  no({ a: [{ b: 1 }, { c: 2 }] }, { a: [{ b: 1, c: 2 }] }),
  no({ a: [{ b: 1 }] }, { a: { b: 1 } }),
  yes({ a: [{}] }, { a: [{}] }),
  no({ a: [[]] }, { a: [{}] }),
  yes({ a: [null, 'x'] }, { a: [null] }),
  yes({ '': 1 }, { '': 1 }),
  no({}, { constructor: {} }),
  no({ a: {} }, { a: { toString: {} } }),
  yes({ constructor: 'x' }, { constructor: 'x' }),
  no({ a: 'e\u0301' }, { a: '\u00e9' }),
  no({ a: 'A' }, { a: 'a' }),
  no({ a: 'x ' }, { a: 'x' }),
  yes({ a: '🦊' }, { a: '🦊' }),
];
