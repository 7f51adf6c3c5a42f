import assert from 'node:assert/strict';
import type { SessionRecord } from '../../core/session/session-record.js';
import type { CreateOutcome, SessionLimit } from '../../core/ports/session-store.js';
import { aNewSession, anIdLike } from '../world/new-session.js';
import type { StoreWorld } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';

const LOGINS = 50;
const revokeOldest = (max: number): SessionLimit => ({ max, onLimit: 'revoke-oldest' });
const reject = (max: number): SessionLimit => ({ max, onLimit: 'reject' });

export const limitsContract: ContractGroup = {
  subject: 'limits',
  define(prove) {
    prove('ends the oldest session by creation, not by activity, to make room', async (world) => {
      const userId = world.newUserId();
      const [oldest, middle, newest] = await createInOrder(world, userId, 3);
      assert(oldest && middle && newest);
      await world.touch({ id: oldest.id, idleTimeoutMs: 3_600_000, touchIntervalMs: 0 });
      const outcome = await world.store.create(aNewSession({ userId, limit: revokeOldest(3) }));
      assert(outcome.created);
      assert.deepEqual(
        outcome.ended.map(({ id, userId: of, endReason, endedBy }) => ({ id, of, endReason, endedBy })),
        [{ id: oldest.id, of: userId, endReason: 'evicted', endedBy: null }],
      );
      await world.assertOver(oldest);
      assert.deepEqual(await world.listIds(userId), [middle.id, newest.id, outcome.record.id].toSorted());
    });

    prove(
      'ends those that await their second factor first, so that a password alone evicts no complete session',
      async (world) => {
        const userId = world.newUserId();
        const [complete] = await createInOrder(world, userId, 1);
        assert(complete);
        const waiting = { userId, limit: revokeOldest(3), awaitsSecondFactor: true };
        const created: string[] = [];
        const evicted: string[] = [];
        for (let attempt = 0; attempt < 5; attempt++) {
          const outcome = await world.store.create(aNewSession(waiting));
          assert(outcome.created);
          created.push(outcome.record.id);
          evicted.push(...outcome.ended.map(({ id }) => id));
          await world.waitUntilPast(outcome.record.createdAt);
        }
        assert.deepEqual(evicted, created.slice(0, 3));
        const next = await world.other.create(aNewSession({ userId, limit: revokeOldest(3) }));
        assert(next.created);
        assert.deepEqual(
          next.ended.map(({ id }) => id),
          [created[3]],
        );
        await world.getLive(complete.id);
      },
    );

    prove('ends as many of the oldest as a lowered limit asks for', async (world) => {
      const userId = world.newUserId();
      const records = await createInOrder(world, userId, 6);
      const outcome = await world.other.create(aNewSession({ userId, limit: revokeOldest(2) }));
      assert(outcome.created);
      const ids = records.map(({ id }) => id);
      assert.deepEqual(outcome.ended.map(({ id }) => id).toSorted(), ids.slice(0, 5).toSorted());
      assert.deepEqual(await world.listIds(userId), [ids[5] ?? '', outcome.record.id].toSorted());
    });

    prove('refuses one more session with onLimit reject, and then changes nothing', async (world) => {
      const userId = world.newUserId();
      const records = await createInOrder(world, userId, 2);
      const entries = await world.harness.countEntries?.();
      const refused = aNewSession({ userId, limit: reject(2) });
      assert.deepEqual(await world.store.create(refused), { created: false, reason: 'limit' });
      assert.deepEqual(await world.listIds(userId), records.map(({ id }) => id).toSorted());
      assert.deepEqual(await world.store.find(refused.id), { live: false, reason: 'unknown' });
      assert.equal(await world.harness.countEntries?.(), entries);
    });

    prove('has room again once a session ended', async (world) => {
      const userId = world.newUserId();
      const [first] = await createInOrder(world, userId, 2);
      await world.other.revoke({ id: first?.id ?? '', reason: 'logout', endedBy: null });
      assert((await world.store.create(aNewSession({ userId, limit: reject(2) }))).created);
      assert(!(await world.store.create(aNewSession({ userId, limit: reject(2) }))).created);
    });

    for (const limit of [revokeOldest(1), reject(1)]) {
      prove(`does not count a session that has expired (${limit.onLimit})`, async (world) => {
        const userId = world.newUserId();
        const expired = await world.create({ userId, idleTimeoutMs: 150 });
        await world.waitUntilPast(expired.expiresAt);
        const outcome = await world.store.create(aNewSession({ userId, limit }));
        assert(outcome.created);
        assert.deepEqual(outcome.ended, []);
        assert.deepEqual(await world.listIds(userId), [outcome.record.id]);
      });

      prove(`does not limit anonymous sessions, nor count other users' (${limit.onLimit})`, async (world) => {
        const userId = world.newUserId();
        for (const owner of [null, null, world.newUserId(), userId]) {
          const outcome = await world.store.create(aNewSession({ userId: owner, limit }));
          assert(outcome.created);
          assert.deepEqual(outcome.ended, []);
        }
      });

      prove(`counts per user though two users' references are the same (${limit.onLimit})`, async (world) => {
        const [userId, stranger] = [world.newUserId(), world.newUserId()];
        const mine = await world.create({ userId });
        const theirs = await world.store.create(aNewSession({ userId: stranger, id: anIdLike(mine.id), limit }));
        assert(theirs.created);
        assert.deepEqual(theirs.ended, []);
        const more = await world.other.create(aNewSession({ userId: stranger, id: anIdLike(mine.id), limit }));
        assert.equal(more.created, limit.onLimit === 'revoke-oldest');
        await world.getLive(mine.id);
        const live = await world.filterLive([theirs.record.id]);
        assert.equal(live.length, limit.onLimit === 'reject' ? 1 : 0);
      });
    }

    for (const max of [1, 5]) {
      prove(
        `leaves exactly the newest ${max} of ${LOGINS} parallel logins (I6, spring-projects/spring-security#12867)`,
        async (world) => {
          const userId = world.newUserId();
          const outcomes = await logInInParallel(world, userId, revokeOldest(max));
          const created = outcomes.flatMap((outcome) => (outcome.created ? [outcome] : []));
          assert.equal(created.length, LOGINS);
          const evicted = created.flatMap(({ ended }) => ended);
          assert(evicted.every((one) => one.endReason === 'evicted' && one.userId === userId));
          const evictedIds = new Set(evicted.map(({ id }) => id));
          assert.deepEqual([evicted.length, evictedIds.size], [LOGINS - max, LOGINS - max]);
          const all = created.map(({ record }) => record);
          const left = all.filter(({ id }) => !evictedIds.has(id));
          const leftIds = left.map(({ id }) => id).toSorted();
          assert.deepEqual(await world.listIds(userId), leftIds);
          assert.deepEqual(await world.filterLive(all.map(({ id }) => id)), leftIds);
          const oldestLeftAtMs = Math.min(...left.map(({ createdAt }) => createdAt.getTime()));
          const older = all.filter(({ id, createdAt }) => evictedIds.has(id) && createdAt.getTime() > oldestLeftAtMs);
          assert.deepEqual(older, [], 'a session was evicted although an older one was left');
        },
      );

      prove(
        `creates ${max} of ${LOGINS} parallel logins and refuses the others (I6, spring-projects/spring-security#12867)`,
        async (world) => {
          const userId = world.newUserId();
          const outcomes = await logInInParallel(world, userId, reject(max));
          const created = outcomes.flatMap((outcome) => (outcome.created ? [outcome] : []));
          assert.equal(created.length, max);
          assert(created.every(({ ended }) => ended.length === 0));
          assert(outcomes.every((outcome) => outcome.created || outcome.reason === 'limit'));
          const ids = created.map(({ record }) => record.id).toSorted();
          assert.deepEqual(await world.listIds(userId), ids);
          assert.deepEqual(await world.filterLive(ids, world.other), ids);
        },
      );
    }

    prove('is exact again and again, with sessions ending meanwhile', async (world) => {
      const userId = world.newUserId();
      for (let round = 0; round < 10; round++) {
        const { records } = await world.store.listByUser({ userId });
        for (const { createdAt } of records) await world.waitUntilPast(createdAt);
        const [outcomes] = await Promise.all([
          logInInParallel(world, userId, revokeOldest(3), 10),
          ...records.map(({ id }) => world.other.revoke({ id, reason: 'logout', endedBy: null })),
        ]);
        assert(outcomes.every((outcome) => outcome.created));
        assert.equal((await world.listIds(userId)).length, 3);
      }
    });
  },
};

/** Logs in on two instances at once. */
async function logInInParallel(
  world: StoreWorld,
  userId: string,
  limit: SessionLimit,
  logins = LOGINS,
): Promise<CreateOutcome[]> {
  return Promise.all(
    Array.from({ length: logins }, (_, index) =>
      (index % 2 ? world.store : world.other).create(aNewSession({ userId, limit })),
    ),
  );
}

/** Creates sessions whose instants of creation differ. */
async function createInOrder(world: StoreWorld, userId: string, count: number): Promise<SessionRecord[]> {
  const records: SessionRecord[] = [];
  for (let n = 0; n < count; n++) {
    const record = await world.create({ userId });
    await world.waitUntilPast(record.createdAt);
    records.push(record);
  }
  return records;
}
