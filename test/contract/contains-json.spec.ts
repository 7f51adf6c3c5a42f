import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Client } from 'pg';
import { containsJson, type JsonObject } from '#src/core/session/session-data.js';
import { DATA_CONTAINS_CASES } from '#src/testing/contract/data-contains.cases.js';
import { getServerUrl } from './harnesses/store-context.js';

const ROUNDS = 20;
const PAIRS_A_ROUND = 250;

/** Few keys and few scalars, so that containment is as likely as not. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.constantFrom(null, true, false, 0, 1, -1, 0.1, 1e21, '', 'a', '1', 'ä', '🦊'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '', 'toString', '🦊'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const data = fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), value, { maxKeys: 3, noNullPrototype: true });

/** A part of the value, more or less: with keys and elements left out, doubled or put in another order. */
function partOf(whole: unknown, keep: () => boolean): unknown {
  if (Array.isArray(whole))
    return whole
      .filter(keep)
      .toReversed()
      .map((element) => partOf(element, keep));
  if (typeof whole !== 'object' || whole === null) return whole;
  const members = Object.entries(whole).filter(keep);
  return Object.fromEntries(members.map(([key, member]) => [key, partOf(member, keep)]));
}

describe('containsJson and jsonb @>', () => {
  const client = new Client({ connectionString: getServerUrl('TEST_POSTGRES_URL') });

  beforeAll(() => client.connect());
  afterAll(() => client.end());

  const decideInPostgres = async (pairs: readonly (readonly [JsonObject, JsonObject])[]) => {
    const { rows } = await client.query<{ contained: boolean }>(
      `select whole::jsonb @> part::jsonb as contained
       from unnest($1::text[], $2::text[]) with ordinality as pair (whole, part, nth) order by nth`,
      [pairs.map(([whole]) => JSON.stringify(whole)), pairs.map(([, part]) => JSON.stringify(part))],
    );
    return rows.map(({ contained }) => contained);
  };

  it('agree on the cases of the contract', async () => {
    const decided = await decideInPostgres(DATA_CONTAINS_CASES.map((one) => [one.data, one.part]));
    expect(decided).toEqual(DATA_CONTAINS_CASES.map(({ contained }) => contained));
  });

  it(`agree on ${ROUNDS * PAIRS_A_ROUND} random pairs`, async () => {
    let contained = 0;
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const wholes = fc.sample(data, { numRuns: PAIRS_A_ROUND, seed });
      const others = fc.sample(data, { numRuns: PAIRS_A_ROUND, seed: seed + ROUNDS });
      let turn = seed;
      const keep = () => (turn = (turn * 16807) % 2147483647) % 4 !== 0;
      const pairs = wholes.map((whole, index): [JsonObject, JsonObject] => [
        whole,
        index % 2 ? (partOf(whole, keep) as JsonObject) : (others[index] ?? {}),
      ]);
      const decided = await decideInPostgres(pairs);
      const ours = pairs.map(([whole, part]) => containsJson(whole, part));
      const differing = pairs.filter((_, index) => decided[index] !== ours[index]);
      expect(differing.map((pair) => JSON.stringify(pair))).toEqual([]);
      contained += decided.filter(Boolean).length;
    }
    // A generator that only ever made misses would prove little.
    expect(contained / (ROUNDS * PAIRS_A_ROUND)).toBeGreaterThan(0.3);
  });
});
