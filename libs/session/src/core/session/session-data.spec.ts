import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { DATA_CONTAINS_CASES } from '../../testing/contract/data-contains.cases.js';
import { assertStorableData, containsJson, patchData, pickData, type JsonObject } from './session-data.js';
import { SessionArgumentError, SessionDataTooLargeError } from './session-errors.js';

const MAX_BYTES = 4096;
const anyKey = fc
  .string({ unit: 'grapheme', maxLength: 8 })
  .filter((key) => key !== '__proto__' && !key.includes('\0'));
const anyObject = fc.dictionary(anyKey, fc.jsonValue(), { noNullPrototype: true });
const isStorable = (data: unknown) => {
  try {
    assertStorableData(data, Infinity);
    return true;
  } catch {
    return false;
  }
};

describe('patchData', () => {
  it('unsets, then sets, then increments', () => {
    const data = { a: 1, b: 2, c: 3 };
    const patch = { unset: ['a', 'b'], set: { b: 10, d: 'new' }, increment: { a: 5, b: 1, c: -1 } };
    expect(patchData(data, patch)).toEqual({ a: 5, b: 11, c: 2, d: 'new' });
    expect(data).toEqual({ a: 1, b: 2, c: 3 });
  });

  it('takes undefined in set for unset, and unsets what is not there', () => {
    expect(patchData({ a: 1, b: 2 }, { set: { a: undefined }, unset: ['x'] })).toEqual({ b: 2 });
  });

  it('never merges values: a key is replaced as a whole (tj/connect-redis#346)', () => {
    expect(patchData({ a: { x: 1 }, list: [1] }, { set: { a: { y: 2 }, list: [] } })).toEqual({
      a: { y: 2 },
      list: [],
    });
  });

  it('treats inherited names like any other key', () => {
    expect(patchData({}, { increment: { constructor: 1, toString: 2 } })).toEqual({ constructor: 1, toString: 2 });
  });

  it.each([
    [{ a: '1' }, 1],
    [{ a: true }, 1],
    [{ a: [] }, 1],
    [{ a: 1 }, '1' as unknown as number],
  ])('refuses to increment %j by %j', (data: JsonObject, by) => {
    expect(() => patchData(data, { increment: { a: by } })).toThrow(SessionArgumentError);
  });

  it('counts an absent key and null as 0', () => {
    expect(patchData({ b: null }, { increment: { a: 2, b: 3 } })).toEqual({ a: 2, b: 3 });
  });

  it('changes exactly the keys that it names', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (data, set) => {
        const patched = patchData(data, { set });
        expect(patched).toEqual(Object.fromEntries([...Object.entries(data), ...Object.entries(set)]));
      }),
    );
  });
});

describe('pickData', () => {
  it('takes the named keys that are there, and none that are inherited', () => {
    expect(pickData({ a: 1, b: undefined, c: 3 }, ['a', 'x', 'toString', 'constructor'])).toEqual({ a: 1 });
  });
});

describe('assertStorableData', () => {
  it('accepts exactly what JSON gives back unchanged, the sign of zero aside', () => {
    fc.assert(
      fc.property(anyObject.filter(isStorable), (data) => {
        expect(JSON.parse(JSON.stringify(data))).toEqual(withoutNegativeZero(data));
      }),
    );
  });

  it.each([[new Map([['a', 1]])], ['abc'], [5], [[1]]])(
    'is not to be had for %p, which has no keys of its own to set',
    (set) => {
      expect(() => patchData({ kept: true }, { set: set as never })).toThrow(SessionArgumentError);
    },
  );

  it('takes -0, which JSON makes 0', () => {
    expect(() => assertStorableData({ n: -0 }, 100)).not.toThrow();
  });

  it('refuses whatever JSON would change or drop', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withSparseArray: true,
    });
    fc.assert(
      fc.property(fc.dictionary(anyKey, anything, { noNullPrototype: true }), (data) => {
        fc.pre(isStorable(data));
        // -0 is the one number that JSON changes and nobody misses.
        expect(JSON.parse(JSON.stringify(data))).toEqual(withoutNegativeZero(data));
      }),
    );
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a Date', new Date(0)],
    ['a Map', new Map()],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['NaN', NaN],
    ['-Infinity', -Infinity],
    ['a Buffer', Buffer.from('x')],
    ['a SessionArgumentError', new SessionArgumentError('x')],
  ])('refuses %s and says where and what it is', (name, value) => {
    const check = () => assertStorableData({ deep: [{ a: value }] }, MAX_BYTES);
    expect(check).toThrow(SessionArgumentError);
    expect(check).toThrow(`session data.deep[0].a is ${name}, which JSON cannot hold`);
  });

  it('refuses a hole in an array, which JSON turns into null', () => {
    const sparse: number[] = [];
    sparse[2] = 1;
    expect(() => assertStorableData({ a: sparse }, MAX_BYTES)).toThrow(/session data\.a\[0\] is undefined/);
  });

  it.each([
    ['NUL in a value', { a: 'x\0' }],
    ['NUL in a key', { 'x\0': 1 }],
    ['half a surrogate pair in a value', { a: '\ud83e' }],
    ['half a surrogate pair in a key', { '\udd8a': 1 }],
  ])('refuses %s, which Postgres would', (_name, data) => {
    expect(() => assertStorableData(data, MAX_BYTES)).toThrow(/NUL character or half a surrogate pair/);
  });

  it('refuses a key that would set a prototype when read', () => {
    const data = JSON.parse('{"a": {"__proto__": {"admin": true}}}') as JsonObject;
    expect(() => assertStorableData(data, MAX_BYTES)).toThrow(/must not have a key "__proto__"/);
  });

  it.each([[null], [[]], ['text'], [1], [undefined], [new Map()], [new Date()]])(
    'refuses %j as the data itself',
    (data) => {
      expect(() => assertStorableData(data, MAX_BYTES)).toThrow('session data must be a plain object');
    },
  );

  it('refuses data nested deeper than 32 levels, cycles included, without running out of stack', () => {
    expect(() => assertStorableData(nest(32), MAX_BYTES)).not.toThrow();
    expect(() => assertStorableData(nest(33), MAX_BYTES)).toThrow(/nested deeper than 32 levels/);
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => assertStorableData(cycle, MAX_BYTES)).toThrow(/nested deeper/);
  });

  it('measures bytes of UTF-8, not characters, and says how many', () => {
    const exact = { a: '€'.repeat(Math.trunc((MAX_BYTES - 8) / 3)) };
    expect(() => assertStorableData(exact, MAX_BYTES)).not.toThrow();
    expect(() => assertStorableData({ a: '€'.repeat(MAX_BYTES / 2) }, MAX_BYTES)).toThrow(SessionDataTooLargeError);
    expect(() => assertStorableData({ a: 'x'.repeat(MAX_BYTES) }, MAX_BYTES)).toThrow(
      `session data would be ${MAX_BYTES + 8} bytes, over the limit of ${MAX_BYTES}`,
    );
  });

  it('does not call toJSON of what it refuses', () => {
    const data = { a: { toJSON: () => 'something else' } };
    expect(() => assertStorableData(data, MAX_BYTES)).toThrow(/a\.toJSON is a function/);
  });
});

describe('containsJson', () => {
  it.each(DATA_CONTAINS_CASES)('$data contains $part: $contained', ({ data, part, contained }) => {
    expect(containsJson(data, part)).toBe(contained);
  });

  it('is reflexive, and holds for every object with some keys left out', () => {
    fc.assert(
      fc.property(anyObject, fc.func(fc.boolean()), (data, keep) => {
        expect(containsJson(data, data)).toBe(true);
        expect(containsJson(data, Object.fromEntries(Object.entries(data).filter(([key]) => keep(key))))).toBe(true);
      }),
    );
  });
});

function nest(levels: number): JsonObject {
  return levels === 0 ? {} : { x: nest(levels - 1) };
}

function withoutNegativeZero(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(withoutNegativeZero);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withoutNegativeZero(member)]));
}
