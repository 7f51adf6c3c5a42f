import { beforeEach, describe, expect, it } from '@jest/globals';
import { aTokenHash } from 'nest-sessions/testing';
import type { HotLease, HotSessions } from '#src/core/ports/hot-sessions.js';
import type { LiveSession } from '#src/core/session/session-record.js';
import { aLiveSession, confirm, useHotWorld, promote, TOUCH } from './world.js';

type Step = () => Promise<void>;

/** The durable side of one session: each step reads or changes it at once. */
class Row {
  readonly id: string;
  readonly firstHash: Uint8Array;
  live: LiveSession | undefined;
  /** Set once the hot side has applied the change, which is when its caller gets the answer. */
  isEndedForAll = false;
  hashForAll: Uint8Array | undefined;

  constructor(userId: string) {
    this.live = aLiveSession({ userId });
    this.id = this.live.record.id;
    this.firstHash = this.live.record.tokenHash;
  }
}

/** Yields every interleaving of the actors' steps; each actor's own steps stay in order. */
function* interleavings(lengths: readonly number[]): Generator<number[]> {
  if (lengths.every((length) => length === 0)) yield [];
  for (const [actor, length] of lengths.entries()) {
    if (length === 0) continue;
    const left = lengths.map((one, index) => (index === actor ? length - 1 : one));
    for (const rest of interleavings(left)) yield [actor, ...rest];
  }
}

/** The steps of a read that found no believed copy. */
function fill(instance: HotSessions, row: Row): Step[] {
  let lease: HotLease | undefined;
  let live: LiveSession | undefined;
  return [
    async () => void (lease = await instance.lease(row.id)),
    async () => void (live = row.live),
    async () => void (lease && live && (await promote(instance, { lease, live }))),
  ];
}

describe('two clients at the same hot session', () => {
  const { world } = useHotWorld();
  let hot: HotSessions;
  let other: HotSessions;

  beforeEach(async () => {
    [hot, other] = await Promise.all([world.open(), world.open()]);
  });

  function revoke(row: Row): Step[] {
    return [
      async () => void (row.live = undefined),
      async () => {
        await other.drop([row.id]);
        row.isEndedForAll = true;
      },
    ];
  }

  function rotate(row: Row): Step[] {
    const tokenHash = aTokenHash();
    return [
      () => other.unconfirm([row.id]),
      async () => void (row.live &&= { ...row.live, record: { ...row.live.record, tokenHash } }),
      async () => {
        await other.unconfirm([row.id]);
        row.hashForAll = tokenHash;
      },
    ];
  }

  /** Checks a believed copy against the row, and returns whether there is one. */
  async function look(row: Row): Promise<{ isBelieved: boolean; broken?: string }> {
    const read = await hot.read(row.id);
    if (read.state !== 'believed') return { isBelieved: false };
    const hash = Buffer.from(read.record.tokenHash);
    if (row.isEndedForAll) return { isBelieved: true, broken: 'it was ended' };
    if (row.hashForAll && !hash.equals(row.hashForAll)) return { isBelieved: true, broken: 'its token was replaced' };
    return { isBelieved: true };
  }

  it.each<[string, string, (row: Row) => Step[]]>([
    ['a revoke', 'with no copy', revoke],
    ['a revoke', 'with a copy', revoke],
    ['a rotation', 'with no copy', rotate],
    ['a rotation', 'with a copy', rotate],
  ])('in every order of two fills and %s, %s: no ended session is believed', async (_change, copy, change) => {
    const all = [...interleavings([3, 3, change(new Row('nobody')).length])];
    // The fills are alike, so their order changes nothing.
    const orders = all.filter((order) => order.indexOf(0) < order.indexOf(1));
    const outcomes = await Promise.all(
      orders.map(async (order, index) => {
        const row = new Row(`user ${index}`);
        if (copy === 'with a copy' && row.live) await confirm(hot, row.live);
        const actors = [fill(hot, row), fill(other, row), change(row)];
        const looks = [];
        for (const actor of order) {
          await actors[actor]?.shift()?.();
          const isActorDone = actors[actor]?.length === 0;
          if (isActorDone || row.isEndedForAll || row.hashForAll) looks.push(await look(row));
        }
        return { order: order.join(''), looks };
      }),
    );
    expect(outcomes).toHaveLength(change === revoke ? 280 : 840);
    const broken = outcomes.flatMap(({ order, looks }) =>
      looks.flatMap((one) => (one.broken ? [`${order}: ${one.broken}`] : [])),
    );
    expect(broken).toEqual([]);
    // If nothing were ever believed, the test would prove nothing.
    expect(outcomes.filter(({ looks }) => looks.some(({ isBelieved }) => isBelieved)).length).toBeGreaterThan(50);
  });

  it('of 50 parallel fills of one session leave one believed copy with its data', async () => {
    const live = aLiveSession({ data: { kept: 1 } });
    const { id } = live.record;
    await confirm(hot, live);
    await hot.unconfirm([id]);
    const promoted = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const instance = i % 2 === 0 ? hot : other;
        return promote(instance, { lease: await instance.lease(id), live });
      }),
    );
    expect(promoted.filter(Boolean).length).toBeGreaterThan(0);
    expect(await other.read(id)).toMatchObject({ state: 'believed', record: { data: { kept: 1 } } });
  });

  it('lose no update among fills, touches and unconfirms (I3)', async () => {
    const live = aLiveSession();
    const { id } = live.record;
    await confirm(hot, live);
    const setKey = async (instance: HotSessions, key: string): Promise<void> => {
      let change = { id, expectedVersion: 0, data: {} };
      for (;;) {
        const updated = await instance.update(change);
        if (updated.applied) return;
        if (updated.reason === 'absent') throw new Error('the copy is gone');
        const { version, data } = updated.record;
        change = { id, expectedVersion: version, data: { ...data, [key]: true } };
      }
    };
    const keys = Array.from({ length: 40 }, (_, i) => `key${i}`);
    await Promise.all([
      ...keys.map((key, i) => setKey(i % 2 === 0 ? hot : other, key)),
      ...keys.map(async () => promote(other, { lease: await other.lease(id), live })),
      ...keys.map(() => hot.unconfirm([id])),
      ...keys.map(() => other.touch({ id, ...TOUCH })),
    ]);
    const { record } = await confirm(hot, live);
    expect(Object.keys(record.data).toSorted()).toEqual(keys.toSorted());
  });
});
