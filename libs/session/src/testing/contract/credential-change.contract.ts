import assert from 'node:assert/strict';
import type { SessionRecord } from '../../core/session/session-record.js';
import { anAuthentication, anIdLike, aTokenHash } from '../world/new-session.js';
import type { StoreWorld } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

const endOthers = { reason: 'credential-change', endedBy: 'ada' } as const;

const rotation = (record: SessionRecord) =>
  ({ id: record.id, expectedTokenHash: record.tokenHash, tokenHash: aTokenHash(), cause: 'rotation' }) as const;

async function liveIds(world: StoreWorld, userId: string): Promise<string[]> {
  const { records } = await world.other.listByUser({ userId });
  return records.map(({ id }) => id).toSorted();
}

/** Rotation that ends the user's other sessions: what a change of password does (ASVS 7.4.3). */
export const credentialChangeContract: ContractGroup = {
  subject: 'rotate with endOthers',
  define(prove) {
    for (const renewed of [undefined, { ...anAuthentication(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS }]) {
      const kind = renewed ? 'with a new authentication' : 'without one';
      prove(`gives one session a new token and ends all others of the user, ${kind}`, async (world) => {
        const userId = world.newUserId();
        const kept = await world.create({ userId });
        const others = await Promise.all([1, 2, 3].map(() => world.create({ userId })));
        const stranger = await world.create({ userId: world.newUserId(), id: anIdLike(kept.id) });
        const anonymous = await world.create({ userId: null });

        const outcome = await world.store.rotate({ ...rotation(kept), authentication: renewed, endOthers });
        assert(outcome.applied);
        assert.deepEqual(outcome.ended.map(({ id }) => id).toSorted(), others.map(({ id }) => id).toSorted());
        for (const { userId: owner, endReason, endedBy, endedAt } of outcome.ended) {
          assert.deepEqual([owner, endReason, endedBy], [userId, 'credential-change', 'ada']);
          assert(endedAt >= kept.createdAt);
        }
        assert.deepEqual(await liveIds(world, userId), [kept.id]);
        for (const { id } of others) assert(!(await world.other.find(id)).live);
        for (const { id } of [kept, stranger, anonymous]) await world.getLive(id);
      });
    }

    prove('ends nothing when the token is no longer the expected one, or the session has ended', async (world) => {
      const userId = world.newUserId();
      const kept = await world.create({ userId });
      const other = await world.create({ userId });
      const superseded = await world.store.rotate({ ...rotation(kept), expectedTokenHash: aTokenHash(), endOthers });
      assert.deepEqual(superseded, { applied: false, reason: 'superseded' });
      await world.store.revoke({ id: kept.id, reason: 'logout', endedBy: null });
      assert.deepEqual(await world.store.rotate({ ...rotation(kept), endOthers }), {
        applied: false,
        reason: 'absent',
      });
      await world.getLive(other.id);
    });

    prove('leaves the others alone when it is not asked to end them', async (world) => {
      const userId = world.newUserId();
      const kept = await world.create({ userId });
      const other = await world.create({ userId });
      const outcome = await world.store.rotate(rotation(kept));
      assert(outcome.applied);
      assert.deepEqual(outcome.ended, []);
      await world.getLive(other.id);
    });

    prove('of two sessions that end each other in parallel exactly one is left, whole', async (world) => {
      for (let round = 0; round < 20; round++) {
        const userId = world.newUserId();
        const [a, b] = [await world.create({ userId }), await world.create({ userId })];
        const [first, second] = await Promise.all([
          world.store.rotate({ ...rotation(a), endOthers }),
          world.other.rotate({ ...rotation(b), endOthers }),
        ]);
        assert.equal(Number(first.applied) + Number(second.applied), 1);
        assert.deepEqual(await liveIds(world, userId), [first.applied ? a.id : b.id]);
      }
    });

    prove('whatever it races with, a session that it ended stays over', async (world) => {
      for (let round = 0; round < 10; round++) {
        const userId = world.newUserId();
        const [kept, other] = [await world.create({ userId }), await world.create({ userId })];
        const [changed] = await Promise.all([
          world.store.rotate({ ...rotation(kept), endOthers }),
          world.other.touch({ id: other.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }),
          world.other.update({ id: other.id, expectedVersion: other.version, data: { late: true } }),
          world.other.rotate(rotation(other)),
        ]);
        assert(changed.applied);
        await world.other.flush();
        assert.deepEqual(await liveIds(world, userId), [kept.id]);
        assert(!(await world.other.find(other.id)).live);
      }
    });
  },
};
