import assert from 'node:assert/strict';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS, MINUTE_MS } from '../world/durations.js';

export const touchContract: ContractGroup = {
  subject: 'touch',
  define(prove) {
    prove('moves lastSeenAt to now and the idle expiry with it, and nothing else', async (world) => {
      const before = await world.create({ userId: world.newUserId(), data: { kept: true }, idleTimeoutMs: MINUTE_MS });
      await world.waitUntilPast(before.createdAt);
      const touchedAt = await world.now();
      assert.equal(await world.touch({ id: before.id, idleTimeoutMs: 2 * MINUTE_MS, touchIntervalMs: 0 }), true);
      const after = await world.getLive(before.id);
      assert(after.lastSeenAt > before.lastSeenAt);
      // A gathered touch may be dated by its age, which is known to the ms.
      assert(after.lastSeenAt.getTime() >= touchedAt.getTime() - 25 && after.lastSeenAt <= (await world.now()));
      assert.equal(after.expiresAt.getTime() - after.lastSeenAt.getTime(), 2 * MINUTE_MS);
      const { lastSeenAt, expiresAt } = before;
      assert.deepEqual({ ...after, tokenHash: null, lastSeenAt, expiresAt }, { ...before, tokenHash: null });
      assert.deepEqual(Buffer.from(after.tokenHash), Buffer.from(before.tokenHash));
    });

    prove('does nothing within the touch interval', async (world) => {
      const before = await world.create({ userId: world.newUserId() });
      await world.waitUntilPast(before.createdAt);
      const touch = { id: before.id, idleTimeoutMs: 10 * HOUR_MS, touchIntervalMs: MINUTE_MS };
      assert.deepEqual([await world.touch(touch), await world.touch(touch, world.other)], [false, false]);
      const after = await world.getLive(before.id);
      assert.deepEqual([after.lastSeenAt, after.expiresAt], [before.lastSeenAt, before.expiresAt]);
    });

    prove('never moves the expiry past the absolute one, nor the absolute one at all', async (world) => {
      const before = await world.create({ idleTimeoutMs: MINUTE_MS, absoluteTimeoutMs: 2 * MINUTE_MS });
      await world.waitUntilPast(before.createdAt);
      assert.equal(await world.touch({ id: before.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }), true);
      const after = await world.getLive(before.id);
      assert.deepEqual(after.absoluteExpiresAt, before.absoluteExpiresAt);
      assert.deepEqual(after.expiresAt, before.absoluteExpiresAt);
    });

    prove('never moves the expiry backwards when the idle timeout became shorter', async (world) => {
      const before = await world.create({ userId: world.newUserId(), idleTimeoutMs: HOUR_MS });
      await world.waitUntilPast(before.createdAt);
      await world.touch({ id: before.id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: 0 });
      const after = await world.getLive(before.id);
      assert(after.lastSeenAt > before.lastSeenAt);
      assert.deepEqual(after.expiresAt, before.expiresAt);
    });

    prove('moves only forwards under 40 parallel touches from two instances', async (world) => {
      const before = await world.create({ userId: world.newUserId(), data: { n: 0 } });
      await world.waitUntilPast(before.createdAt);
      const touch = { id: before.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 };
      let newest = before.lastSeenAt;
      for (let round = 0; round < 4; round++) {
        const moved = Array.from({ length: 10 }, (_, index) => (index % 2 ? world.store : world.other).touch(touch));
        await Promise.all([world.store.flush(), world.other.flush()]);
        assert((await Promise.all(moved)).includes(true), 'no touch of this round moved the session');
        const { lastSeenAt, expiresAt } = await world.getLive(before.id);
        assert(lastSeenAt >= newest);
        assert.equal(expiresAt.getTime() - lastSeenAt.getTime(), HOUR_MS);
        newest = lastSeenAt;
        await world.waitUntilPast(newest);
      }
    });

    prove('neither loses to nor disturbs an update or a rotation made at the same time (I3)', async (world) => {
      const { id, version, tokenHash, createdAt } = await world.create({ userId: world.newUserId() });
      await world.waitUntilPast(createdAt);
      const touched = world.store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
      const updated = world.other.update({ id, expectedVersion: version, data: { written: true } });
      await world.store.flush();
      assert.deepEqual([await touched, (await updated).applied], [true, true]);
      const after = await world.getLive(id);
      assert.deepEqual(after.data, { written: true });
      assert.equal(after.version, version + 1);
      assert(after.lastSeenAt > createdAt);
      assert.deepEqual(Buffer.from(after.tokenHash), Buffer.from(tokenHash));
    });

    prove('reports each of 300 touches of different sessions, live or not', async (world) => {
      const userId = world.newUserId();
      const records = await Promise.all(Array.from({ length: 300 }, () => world.create({ userId })));
      const over = records.filter((_, index) => index % 3 === 0);
      await Promise.all(over.map(({ id }) => world.other.revoke({ id, reason: 'logout', endedBy: null })));
      const moved = records.map(({ id }) => world.store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }));
      await world.store.flush();
      assert.deepEqual(
        await Promise.all(moved),
        records.map((_, index) => index % 3 !== 0),
      );
      assert.equal((await world.listIds(userId)).length, 200);
    });
  },
};
