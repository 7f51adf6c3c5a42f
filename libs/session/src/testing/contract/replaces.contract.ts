import assert from 'node:assert/strict';
import { aNewSession } from '../world/new-session.js';
import { plain } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';

export const replacesContract: ContractGroup = {
  subject: 'create that replaces',
  define(prove) {
    for (const before of ['the same user', 'another user', 'an anonymous visitor'] as const) {
      prove(`ends the session of ${before} when it resolves`, async (world) => {
        const userId = world.newUserId();
        const owner = { 'the same user': userId, 'another user': world.newUserId(), 'an anonymous visitor': null }[
          before
        ];
        const old = await world.create({ userId: owner, data: { cart: [1] } });
        const bystander = await world.create({ userId: owner });
        const outcome = await world.other.create(aNewSession({ userId, replaces: old.id }));
        assert(outcome.created);
        assert.deepEqual(
          outcome.ended.map((one) => ({ ...one, endedAt: null })),
          [{ id: old.id, userId: owner, endedAt: null, endReason: 'replaced', endedBy: null }],
        );
        assert(outcome.ended[0]?.endedAt instanceof Date);
        await world.assertOver(old);
        await world.getLive(bystander.id);
        assert.deepEqual((await world.getLive(outcome.record.id)).data, {});
      });
    }

    prove('creates all the same when the old session is unknown, ended, or expired', async (world) => {
      const userId = world.newUserId();
      const [ended, expired] = [await world.create({ userId }), await world.create({ userId, idleTimeoutMs: 150 })];
      await world.store.revoke({ id: ended.id, reason: 'logout', endedBy: null });
      await world.waitUntilPast(expired.expiresAt);
      for (const replaces of [aNewSession({ userId }).id, aNewSession().id, ended.id, expired.id]) {
        const outcome = await world.store.create(aNewSession({ userId, replaces }));
        assert(outcome.created);
        assert.deepEqual(outcome.ended, []);
      }
      assert.equal((await world.listIds(userId)).length, 4);
    });

    for (const onLimit of ['revoke-oldest', 'reject'] as const) {
      prove(`does not count the session that it replaces (${onLimit})`, async (world) => {
        const userId = world.newUserId();
        const [old, kept] = [await world.create({ userId }), await world.create({ userId })];
        const outcome = await world.store.create(aNewSession({ userId, replaces: old.id, limit: { max: 2, onLimit } }));
        assert(outcome.created);
        assert.deepEqual(
          outcome.ended.map(({ id, endReason }) => ({ id, endReason })),
          [{ id: old.id, endReason: 'replaced' }],
        );
        assert.deepEqual(await world.listIds(userId), [kept.id, outcome.record.id].toSorted());
      });
    }

    prove('ends both the replaced and the evicted session when the limit asks for it', async (world) => {
      const userId = world.newUserId();
      const oldest = await world.create({ userId });
      await world.waitUntilPast(oldest.createdAt);
      const [old, kept] = [await world.create({ userId }), await world.create({ userId })];
      const limit = { max: 2, onLimit: 'revoke-oldest' } as const;
      const outcome = await world.other.create(aNewSession({ userId, replaces: old.id, limit }));
      assert(outcome.created);
      const reasons = new Map(outcome.ended.map(({ id, endReason }) => [id, endReason]));
      assert.deepEqual(
        reasons,
        new Map([
          [old.id, 'replaced'],
          [oldest.id, 'evicted'],
        ] as const),
      );
      assert.deepEqual(await world.listIds(userId), [kept.id, outcome.record.id].toSorted());
    });

    prove("leaves another user's session alive when the limit refuses the new one", async (world) => {
      const userId = world.newUserId();
      await world.create({ userId });
      for (const owner of [null, world.newUserId()]) {
        const old = await world.create({ userId: owner });
        const limit = { max: 1, onLimit: 'reject' } as const;
        assert.deepEqual(await world.store.create(aNewSession({ userId, replaces: old.id, limit })), {
          created: false,
          reason: 'limit',
        });
        assert.deepEqual(plain(await world.getLive(old.id)), plain(old));
      }
    });

    prove('leaves the old session alive when the new id is taken', async (world) => {
      const userId = world.newUserId();
      const taken = await world.create({ userId });
      for (const owner of [userId, world.newUserId(), null]) {
        const old = await world.create({ userId: owner });
        const outcome = await world.store.create(aNewSession({ userId, id: taken.id, replaces: old.id }));
        assert.deepEqual(outcome, { created: false, reason: 'id-taken' });
        await world.getLive(old.id);
      }
    });

    for (const before of ['the same user', 'an anonymous visitor'] as const) {
      prove(`ends the session of ${before} once when 20 sign-ins replace it in parallel`, async (world) => {
        const userId = world.newUserId();
        const old = await world.create({ userId: before === 'the same user' ? userId : null });
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 ? world.store : world.other).create(aNewSession({ userId, replaces: old.id })),
          ),
        );
        const created = outcomes.flatMap((outcome) => (outcome.created ? [outcome] : []));
        assert.equal(created.length, 20);
        assert.deepEqual(
          created.flatMap(({ ended }) => ended.map(({ id }) => id)),
          [old.id],
        );
        await world.assertOver(old);
        assert.deepEqual(await world.listIds(userId), created.map(({ record }) => record.id).toSorted());
      });
    }
  },
};
