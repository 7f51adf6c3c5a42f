import { anAuthentication, aNewSession, aTokenHash, anIdLike } from '../world/new-session.js';
import assert from 'node:assert/strict';
import type { SessionEndReason } from '../../core/session/session-record.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

const REASONS: readonly SessionEndReason[] = [
  'logout',
  'revoked',
  'replaced',
  'evicted',
  'expired',
  'rotated-away',
  'reuse',
  'undecodable',
  'admin',
];
const BY_ITSELF = { reason: 'revoked', endedBy: null } as const;

export const revokeContract: ContractGroup = {
  subject: 'revoke',
  define(prove) {
    prove('ends one session, says what ended, and leaves the others', async (world) => {
      const userId = world.newUserId();
      const [mine, kept] = [await world.create({ userId }), await world.create({ userId })];
      const before = await world.now();
      const ended = await world.store.revoke({ id: mine.id, reason: 'admin', endedBy: 'operator-7' });
      assert(ended);
      const { endedAt, ...said } = ended;
      assert.deepEqual(said, { id: mine.id, userId, endReason: 'admin', endedBy: 'operator-7' });
      assert(before.getTime() - 25 <= endedAt.getTime() && endedAt <= (await world.now()));
      await world.assertOver(mine);
      await world.getLive(kept.id);
      assert.deepEqual(await world.listIds(userId), [kept.id]);
    });

    prove('keeps to every reason there is', async (world) => {
      for (const reason of REASONS) {
        const { id } = await world.create({ userId: world.newUserId() });
        assert.equal((await world.store.revoke({ id, reason, endedBy: "o'perator 🦊" }))?.endReason, reason);
        assert.equal((await world.other.find(id)).live, false);
      }
    });

    prove('ends an anonymous session', async (world) => {
      const visitor = await world.create({ userId: null });
      const ended = await world.other.revoke({ id: visitor.id, reason: 'logout', endedBy: null });
      assert.deepEqual([ended?.id, ended?.userId, ended?.endReason], [visitor.id, null, 'logout']);
      await world.assertOver(visitor);
    });

    prove('ends a session once: of 20 parallel revocations one says so', async (world) => {
      const mine = await world.create({ userId: world.newUserId() });
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? world.store : world.other).revoke({ id: mine.id, ...BY_ITSELF }),
        ),
      );
      assert.equal(outcomes.filter((ended) => ended !== undefined).length, 1);
      await world.assertOver(mine);
    });

    prove('leaves the session of another user, of an anonymous one or an unknown one alone', async (world) => {
      const [owner, stranger] = [world.newUserId(), world.newUserId()];
      const [mine, visitor] = [await world.create({ userId: owner }), await world.create({ userId: null })];
      assert.equal(await world.store.revoke({ id: mine.id, userId: stranger, ...BY_ITSELF }), undefined);
      assert.equal(await world.store.revoke({ id: visitor.id, userId: stranger, ...BY_ITSELF }), undefined);
      assert.equal(await world.store.revoke({ id: aNewSession().id, ...BY_ITSELF }), undefined);
      await world.getLive(mine.id);
      await world.getLive(visitor.id);
      assert.equal((await world.store.revoke({ id: mine.id, userId: owner, ...BY_ITSELF }))?.id, mine.id);
      await world.assertOver(mine);
    });

    prove('is final: nothing that may still be sent changes the session or brings it back', async (world) => {
      const mine = await world.create({ userId: world.newUserId() });
      await world.store.revoke({ id: mine.id, ...BY_ITSELF });
      for (const store of [world.store, world.other]) {
        assert.equal(await world.touch({ id: mine.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }, store), false);
        const absent = { applied: false, reason: 'absent' };
        assert.deepEqual(await store.update({ id: mine.id, expectedVersion: 1, data: {} }), absent);
        const rotation = { id: mine.id, expectedTokenHash: mine.tokenHash, tokenHash: aTokenHash() };
        assert.deepEqual(await store.rotate({ ...rotation, cause: 'rotation' }), absent);
        assert.deepEqual(await store.rotate({ ...rotation, cause: 'rehash' }), absent);
        const authentication = { ...anAuthentication(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS };
        assert.deepEqual(await store.rotate({ ...rotation, cause: 'rotation', authentication }), absent);
      }
      await world.assertOver(mine);
    });

    prove('ends all sessions of a user but the one excepted (better-auth/better-auth#8551)', async (world) => {
      const [userId, stranger] = [world.newUserId(), world.newUserId()];
      const mine = await Promise.all(Array.from({ length: 10 }, () => world.create({ userId })));
      const [theirs, visitor] = [await world.create({ userId: stranger }), await world.create({ userId: null })];
      const [kept, ...others] = mine.map(({ id }) => id).toSorted();
      assert(kept);
      const ended = await world.store.revokeAll({ userId, exceptId: kept, reason: 'revoked', endedBy: userId });
      assert.deepEqual(ended.map(({ id }) => id).toSorted(), others);
      assert(ended.every((one) => one.userId === userId && one.endReason === 'revoked' && one.endedBy === userId));
      assert(ended.every(({ endedAt }) => endedAt instanceof Date));
      assert.deepEqual(await world.listIds(userId, world.other), [kept]);
      for (const id of [kept, theirs.id, visitor.id]) await world.getLive(id);
      for (const id of others) await world.assertOver({ id, userId });
    });

    prove('ends all sessions of a user when none is excepted, and none the second time', async (world) => {
      const userId = world.newUserId();
      await Promise.all(Array.from({ length: 5 }, () => world.create({ userId })));
      const all = { userId, ...BY_ITSELF };
      assert.equal((await world.store.revokeAll(all)).length, 5);
      assert.deepEqual(await world.other.revokeAll(all), []);
      assert.deepEqual(await world.listIds(userId), []);
      assert.deepEqual(await world.store.revokeAll({ ...all, userId: world.newUserId() }), []);
    });

    prove("excepts nothing when the excepted id is another user's", async (world) => {
      const [userId, stranger] = [world.newUserId(), world.newUserId()];
      const [mine, theirs] = [await world.create({ userId }), await world.create({ userId: stranger })];
      const ended = await world.store.revokeAll({ userId, exceptId: theirs.id, ...BY_ITSELF });
      assert.deepEqual(
        ended.map(({ id }) => id),
        [mine.id],
      );
      await world.getLive(theirs.id);
    });

    prove('tells users apart whose references are the same', async (world) => {
      const [userId, stranger] = [world.newUserId(), world.newUserId()];
      const mine = await world.create({ userId });
      const theirs = await world.create({ userId: stranger, id: anIdLike(mine.id) });
      assert.equal(await world.store.revoke({ id: theirs.id, userId, ...BY_ITSELF }), undefined);
      assert.deepEqual(await world.listIds(userId), [mine.id]);
      const ended = await world.other.revokeAll({ userId, ...BY_ITSELF });
      assert.deepEqual(
        ended.map(({ id }) => id),
        [mine.id],
      );
      await world.assertOver(mine);
      await world.getLive(theirs.id);
      assert((await world.store.revoke({ id: theirs.id, userId: stranger, ...BY_ITSELF }))?.userId === stranger);
      assert.equal((await world.store.find(theirs.id)).live, false);
    });
  },
};
