import assert from 'node:assert/strict';
import { aTokenHash } from '../world/new-session.js';
import { plain } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

export const listContract: ContractGroup = {
  subject: 'listByUser',
  define(prove) {
    prove('gives the records that find gives', async (world) => {
      const userId = world.newUserId();
      const first = await world.create({ userId, data: { n: 1 }, device: 'phone' });
      const second = await world.create({ userId, data: { n: 2 }, ipAddress: null });
      const before = await world.now();
      const { records, now } = await world.other.listByUser({ userId });
      assert(now >= before || before.getTime() - now.getTime() <= 25);
      const byId = new Map(records.map((record) => [record.id, plain(record)]));
      assert.equal(byId.size, 2);
      for (const { id } of [first, second]) assert.deepEqual(byId.get(id), plain(await world.getLive(id)));
    });

    prove('is empty for a user without sessions', async (world) => {
      assert.deepEqual((await world.store.listByUser({ userId: world.newUserId() })).records, []);
    });

    prove('gives exactly the sessions that find accepts, whatever happened to them (I5)', async (world) => {
      const [userId, stranger] = [world.newUserId(), world.newUserId()];
      const create = () => world.create({ userId });
      const [untouched, touched, updated, rotated, revoked, replaced] = [
        await create(),
        await create(),
        await create(),
        await create(),
        await create(),
        await create(),
      ];
      const expired = await world.create({ userId, idleTimeoutMs: 150 });
      const others = [await world.create({ userId: stranger }), await world.create({ userId: null })];
      await world.touch({ id: touched.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
      await world.store.update({ id: updated.id, expectedVersion: 1, data: { n: 1 } });
      const rotation = { id: rotated.id, expectedTokenHash: rotated.tokenHash, tokenHash: aTokenHash() };
      await world.store.rotate({ ...rotation, cause: 'rotation' });
      await world.other.revoke({ id: revoked.id, reason: 'logout', endedBy: null });
      const successor = await world.create({ userId, replaces: replaced.id }, world.other);
      await world.waitUntilPast(expired.expiresAt);

      const live = [untouched, touched, updated, rotated, successor].map(({ id }) => id).toSorted();
      const everything = [...live, revoked.id, replaced.id, expired.id];
      for (const store of [world.store, world.other]) {
        assert.deepEqual(await world.listIds(userId, store), live);
        assert.deepEqual(await world.filterLive(everything, store), live);
        assert.deepEqual(
          await world.listIds(stranger, store),
          others.filter((record) => record.userId === stranger).map(({ id }) => id),
        );
      }
    });

    prove('sees each of 50 parallel creations (better-auth/better-auth#11073)', async (world) => {
      const userId = world.newUserId();
      const created = await Promise.all(
        Array.from({ length: 50 }, (_, index) => world.create({ userId }, index % 2 ? world.store : world.other)),
      );
      assert.deepEqual(await world.listIds(userId), created.map(({ id }) => id).toSorted());
    });

    prove('agrees with find while sessions come and go (I5)', async (world) => {
      const userId = world.newUserId();
      const steady = await Promise.all(Array.from({ length: 5 }, () => world.create({ userId })));
      const steadyIds = steady.map(({ id }) => id);
      const going = new AbortController();
      const comeAndGo = async () => {
        for (let round = 0; round < 25; round++) {
          const { id } = await world.create({ userId }, world.other);
          await world.other.revoke({ id, reason: 'logout', endedBy: null });
        }
        going.abort();
      };
      const watch = async () => {
        while (!going.signal.aborted) {
          const listed = await world.listIds(userId);
          assert.deepEqual(
            steadyIds.filter((id) => !listed.includes(id)),
            [],
          );
          assert(listed.length <= steadyIds.length + 1);
        }
      };
      await Promise.all([comeAndGo(), watch()]);
      assert.deepEqual(await world.listIds(userId), steadyIds.toSorted());
    });
  },
};
