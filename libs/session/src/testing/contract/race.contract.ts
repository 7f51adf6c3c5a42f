import { anAuthentication, aNewSession, aTokenHash } from '../world/new-session.js';
import assert from 'node:assert/strict';
import type { SessionRecord } from '../../core/session/session-record.js';
import type { SessionStore } from '../../core/ports/session-store.js';
import type { StoreWorld } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

const INTERLEAVINGS = 200;

/** What request A still does with a session that it loaded: each says whether it applied. */
type Write = (store: SessionStore, seen: SessionRecord) => Promise<boolean>;

const update: Write = async (store, { id, version, data }) =>
  (await store.update({ id, expectedVersion: version, data: { ...data, late: true } })).applied;

const touch: Write = (store, { id }) => store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });

const rotation =
  (options: { cause: 'rotation' | 'rehash'; amr?: string[] }): Write =>
  async (store, { id, tokenHash }) => {
    const authentication = options.amr && {
      ...anAuthentication({ amr: options.amr }),
      idleTimeoutMs: HOUR_MS,
      absoluteTimeoutMs: HOUR_MS,
    };
    const hashes = { expectedTokenHash: tokenHash, tokenHash: aTokenHash() };
    return (await store.rotate({ id, ...hashes, cause: options.cause, authentication })).applied;
  };

const ROTATIONS: readonly Write[] = [
  rotation({ cause: 'rotation' }),
  rotation({ cause: 'rehash' }),
  rotation({ cause: 'rotation', amr: ['pwd'] }),
];

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/** The ways in which request B ends the session. */
const ENDINGS: readonly ((store: SessionStore, seen: SessionRecord) => Promise<unknown>)[] = [
  (store, { id }) => store.revoke({ id, reason: 'logout', endedBy: null }),
  (store, { id, userId }) => store.revoke({ id, userId: userId ?? undefined, reason: 'admin', endedBy: 'operator' }),
  (store, { userId }) => store.revokeAll({ userId: userId ?? '', reason: 'revoked', endedBy: null }),
  async (store, { id, userId }) => {
    const outcome = await store.create(aNewSession({ userId, replaces: id }));
    assert(outcome.created);
    await store.revoke({ id: outcome.record.id, reason: 'logout', endedBy: null });
  },
  async (store, { userId }) => {
    const limit = { max: 1, onLimit: 'revoke-oldest' } as const;
    const outcome = await store.create(aNewSession({ userId, limit }));
    assert(outcome.created);
    await store.revoke({ id: outcome.record.id, reason: 'logout', endedBy: null });
  },
];

export const raceContract: ContractGroup = {
  subject: 'races',
  define(prove) {
    prove(
      `brings no session back in ${INTERLEAVINGS} interleavings of load, revoke, update, touch and rotate (I1, I2, expressjs/session#632, rack-session CVE-2025-46336)`,
      async (world) => {
        const entries = await world.harness.countEntries?.();
        for (let index = 0; index < INTERLEAVINGS; index++) await interleave(world, index);
        assert.equal(await world.harness.countEntries?.(), entries, 'something of an ended session is left');
      },
    );

    for (const exceptOne of [false, true]) {
      prove(
        `leaves each session that is created during a revokeAll either ended or listed and live (better-auth/better-auth#11073${exceptOne ? ', exceptId' : ''})`,
        async (world) => {
          for (let round = 0; round < 10; round++) await createDuringRevokeAll(world, exceptOne);
        },
      );
    }

    prove('ends each session once when revocations of every kind meet', async (world) => {
      const userId = world.newUserId();
      for (let round = 0; round < 10; round++) {
        const records = await Promise.all(Array.from({ length: 10 }, () => world.create({ userId })));
        const all = { userId, reason: 'revoked', endedBy: null } as const;
        const [one, two, ...single] = await Promise.all([
          world.store.revokeAll(all),
          world.other.revokeAll(all),
          ...records.map(({ id }, index) =>
            (index % 2 ? world.store : world.other).revoke({ id, reason: 'logout', endedBy: null }),
          ),
        ]);
        const ended = [...one, ...two, ...single.flatMap((each) => each ?? [])].map(({ id }) => id);
        assert.deepEqual(ended.toSorted(), records.map(({ id }) => id).toSorted());
        assert.deepEqual(await world.listIds(userId), []);
      }
    });
  },
};

/** Request A loads; B ends the session before, between, or while A writes; A's writes may be gathered until after. */
async function interleave(world: StoreWorld, index: number): Promise<void> {
  const [a, b] = index % 2 ? [world.store, world.other] : [world.other, world.store];
  const { id, userId } = await world.create({ userId: world.newUserId(), data: { index } });
  const found = await a.find(id);
  assert(found.live);
  const seen = found.record;
  const writes = [update, touch, pick(ROTATIONS, index)];
  const order = pick(ORDERS, index);
  const ending = pick(ENDINGS, Math.trunc(index / 2));
  const moment = index % 4;

  const started: Promise<boolean>[] = [];
  const start = (nth: number) => {
    const write = writes[order[nth] ?? 0];
    assert(write);
    started.push(write(a, seen));
  };
  if (moment === 3) {
    const ended = ending(b, seen);
    for (const nth of [0, 1, 2]) start(nth);
    await ended;
    await a.flush();
    await Promise.all(started);
  } else {
    for (let nth = 0; nth < moment; nth++) {
      start(nth);
      // Every other time a gathered touch is still unwritten when the session ends.
      if (index % 8 < 4) await a.flush();
    }
    await ending(b, seen);
    for (let nth = moment; nth < 3; nth++) start(nth);
    await a.flush();
    const applied = await Promise.all(started);
    assert.deepEqual(applied.slice(moment), Array(3 - moment).fill(false), 'a write after the end has applied');
  }
  await world.assertOver({ id, userId });
  assert.deepEqual(await world.listIds(userId ?? ''), []);
}

async function createDuringRevokeAll(world: StoreWorld, exceptOne: boolean): Promise<void> {
  const userId = world.newUserId();
  const kept = exceptOne ? await world.create({ userId }) : undefined;
  const create = (index: number) => world.create({ userId }, index % 2 ? world.store : world.other);
  const revokeAll = (store: SessionStore) =>
    store.revokeAll({ userId, exceptId: kept?.id, reason: 'revoked', endedBy: null });
  const before = await Promise.all(Array.from({ length: 5 }, (_, index) => create(index)));
  const first = Array.from({ length: 10 }, (_, index) => create(index));
  const revocations = [revokeAll(world.store), revokeAll(world.other)];
  const second = Array.from({ length: 10 }, (_, index) => create(index));
  const ended = (await Promise.all(revocations)).flat().map(({ id }) => id);
  const created = await Promise.all([...first, ...second]);

  const all = [...before, ...created, ...(kept ? [kept] : [])].map(({ id }) => id);
  assert.equal(new Set(ended).size, ended.length, 'a session ended twice');
  for (const { id } of before) assert(ended.includes(id), 'a session that was there before is not ended');
  const live = all.filter((id) => !ended.includes(id)).toSorted();
  assert.deepEqual(await world.listIds(userId), live);
  assert.deepEqual(await world.filterLive(all, world.other), live);
  if (kept) assert(live.includes(kept.id));
}

function pick<T>(choices: readonly T[], index: number): T {
  const chosen = choices[index % choices.length];
  assert(chosen !== undefined);
  return chosen;
}
