import assert from 'node:assert/strict';
import type { JsonObject } from '../../core/session/session-data.js';
import type { ContractGroup } from './contract-group.js';

/** Values that a serialisation could lose: empty containers, names that objects inherit, numbers at their limits. */
const AWKWARD_DATA: Readonly<Record<string, JsonObject>> = {
  nothing: {},
  'empty containers': { list: [], map: {}, text: '', nested: [[], {}, [[]], [{}]], null: null },
  'inherited names': { constructor: 'a', toString: [1], hasOwnProperty: { valueOf: null }, length: 0, '': 'empty key' },
  numbers: {
    zero: 0,
    negative: -1.5,
    fraction: 0.1 + 0.2,
    integer: Number.MAX_SAFE_INTEGER,
    beyond: 2 ** 64,
    exponent: 1e21,
    largest: Number.MAX_VALUE,
    smallest: Number.MIN_VALUE,
  },
  'numbers as keys': { 0: 'a', 10: 'b', 2: 'c', '-1': 'd', '01': 'e' },
  'truth and text': {
    yes: true,
    no: false,
    text: 'true',
    digits: '0123',
    exponent: '1e3',
    date: '2026-11-23T00:00:00Z',
  },
  unicode: { 'ключ 🔑': 'Straße, 東京, عربى, 👩‍👩‍👧', separators: '\u2028\u2029', accents: 'e\u0301 is not \u00e9' },
  'text that needs escapes': {
    quote: `"'\\`,
    lines: '\r\n\t\b\f',
    control: '\u0001\u001f\u007f',
    sql: `'; --`,
    lua: ']]',
  },
  separators: { 'a|b': '|', 'c:d': ':', 'e,f': ',', '{g}': '{', $h: '$1', '%i': '%s', 'j.k': '.', '*': '?' },
  deep: { deep: nest(30) },
  large: { text: 'x'.repeat(3900) },
  wide: Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`key${index}`, index])),
};

export const dataContract: ContractGroup = {
  subject: 'data',
  define(prove) {
    for (const [name, data] of Object.entries(AWKWARD_DATA)) {
      prove(`gives back ${name} as it was given, created and updated`, async (world) => {
        const userId = world.newUserId();
        const created = await world.create({ userId, data });
        assert.deepEqual(created.data, data);
        assert.deepEqual((await world.getLive(created.id)).data, data);

        const plainer = await world.create({ userId, data: { before: 1 } });
        const updated = await world.other.update({ id: plainer.id, expectedVersion: plainer.version, data });
        assert(updated.applied);
        assert.deepEqual(updated.record.data, data);
        assert.deepEqual((await world.getLive(plainer.id)).data, data);

        const { records } = await world.store.listByUser({ userId });
        assert.deepEqual(
          records.map((record) => record.data),
          [data, data],
        );
      });
    }

    prove('shares no object with its callers', async (world) => {
      const data = { list: [1] };
      const { id } = await world.create({ userId: world.newUserId(), data });
      data.list.push(2);
      const seen = await world.getLive(id);
      assert.deepEqual(seen.data, { list: [1] });
      Object.assign(seen.data, { list: 'changed' });
      assert.deepEqual((await world.getLive(id)).data, { list: [1] });
    });

    prove(
      'replaces the data when the version is the expected one, counts it up and touches nothing else',
      async (world) => {
        const before = await world.create({ userId: world.newUserId(), data: { a: 1, b: 2 } });
        await world.waitUntilPast(before.createdAt);
        const outcome = await world.store.update({ id: before.id, expectedVersion: 1, data: { b: 3 } });
        assert(outcome.applied);
        assert(outcome.now > before.createdAt);
        const after = await world.getLive(before.id);
        const tokenHash = null;
        assert.deepEqual({ ...after, tokenHash }, { ...before, tokenHash, data: { b: 3 }, version: 2 });
        assert.deepEqual({ ...outcome.record, tokenHash }, { ...after, tokenHash });
        assert.deepEqual(Buffer.from(after.tokenHash), Buffer.from(before.tokenHash));
      },
    );

    prove('counts a version up even when the data stays the same', async (world) => {
      const { id, data } = await world.create({ userId: world.newUserId(), data: { same: true } });
      const outcome = await world.store.update({ id, expectedVersion: 1, data });
      assert(outcome.applied);
      assert.equal((await world.getLive(id)).version, 2);
    });

    prove('writes nothing over another version and hands back the record that stands', async (world) => {
      const { id } = await world.create({ userId: world.newUserId(), data: { by: 'nobody' } });
      const first = await world.other.update({ id, expectedVersion: 1, data: { by: 'other' } });
      assert(first.applied);
      for (const expectedVersion of [1, 3, 0]) {
        const late = await world.store.update({ id, expectedVersion, data: { by: 'late' } });
        assert(!late.applied && late.reason === 'conflict');
        assert.deepEqual(late.record.data, { by: 'other' });
        assert.equal(late.record.version, 2);
        assert(late.now >= first.now || first.now.getTime() - late.now.getTime() <= 25);
      }
      assert.deepEqual((await world.getLive(id)).data, { by: 'other' });
    });

    prove('applies exactly one of 20 parallel updates of one version', async (world) => {
      const { id } = await world.create({ userId: world.newUserId() });
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, writer) =>
          (writer % 2 ? world.store : world.other).update({ id, expectedVersion: 1, data: { writer } }),
        ),
      );
      const applied = outcomes.filter((outcome) => outcome.applied);
      assert.equal(applied.length, 1);
      const standing = await world.getLive(id);
      assert.equal(standing.version, 2);
      assert.deepEqual(standing.data, applied[0]?.record.data);
      for (const outcome of outcomes) {
        if (outcome.applied) continue;
        assert(outcome.reason === 'conflict');
        assert.deepEqual(outcome.record.data, standing.data);
      }
    });
  },
};

function nest(levels: number): unknown {
  return levels === 0 ? ['bottom'] : { [`level${levels}`]: nest(levels - 1) };
}
