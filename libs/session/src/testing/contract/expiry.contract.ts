import { anAuthentication, aTokenHash } from '../world/new-session.js';
import assert from 'node:assert/strict';
import type { SessionRecord } from '../../core/session/session-record.js';
import type { StoreWorld } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

const SHORT_MS = 250;
const MAX_SHORT_MS = 32 * SHORT_MS;

export const expiryContract: ContractGroup = {
  subject: 'expiry',
  define(prove) {
    prove('ends a session at its idle timeout, not before (I4)', async (world) => {
      const record = await world.create({
        userId: world.newUserId(),
        idleTimeoutMs: SHORT_MS,
        absoluteTimeoutMs: HOUR_MS,
      });
      await assertExpiresAt(world, record, record.createdAt.getTime() + SHORT_MS);
    });

    prove('ends a session at its absolute timeout, not before (I4)', async (world) => {
      const record = await world.create({ userId: null, idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: SHORT_MS });
      await assertExpiresAt(world, record, record.createdAt.getTime() + SHORT_MS);
    });

    prove('ends a session that is never idle at its absolute timeout (lucia-auth/lucia#1038)', async (world) => {
      const record = await world.create({
        userId: world.newUserId(),
        idleTimeoutMs: HOUR_MS,
        absoluteTimeoutMs: 2 * SHORT_MS,
      });
      const touch = { id: record.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 };
      await assertExpiresAt(world, record, record.absoluteExpiresAt.getTime(), () => world.touch(touch));
    });

    prove('changes and ends nothing that has expired', async (world) => {
      const userId = world.newUserId();
      const { id, version, tokenHash, expiresAt } = await world.create({ userId, idleTimeoutMs: SHORT_MS });
      await world.waitUntilPast(expiresAt);
      assert.deepEqual(await world.store.update({ id, expectedVersion: version, data: { late: true } }), {
        applied: false,
        reason: 'absent',
      });
      for (const authentication of [
        undefined,
        { ...anAuthentication(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS },
      ]) {
        const rotation = { id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), authentication };
        assert.deepEqual(await world.store.rotate({ ...rotation, cause: 'rotation' }), {
          applied: false,
          reason: 'absent',
        });
      }
      assert.equal(await world.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }), false);
      assert.deepEqual(await world.store.revokeAll({ userId, reason: 'revoked', endedBy: null }), []);
      await world.assertOver({ id, userId });
    });

    prove('leaves a touched session alive past the expiry that it had before', async (world) => {
      const userId = world.newUserId();
      const record = await createAndTouch(world, userId);
      await world.waitUntilPast(record.expiresAt);
      const live = await world.getLive(record.id);
      assert(live.expiresAt.getTime() > record.expiresAt.getTime() + HOUR_MS / 2);
      assert.deepEqual(await world.listIds(userId), [record.id]);
    });

    prove('leaves a short session its own end beside a longer one of the same user', async (world) => {
      const userId = world.newUserId();
      const long = await world.create({ userId, idleTimeoutMs: HOUR_MS });
      const short = await world.create({ userId, idleTimeoutMs: SHORT_MS });
      await world.waitUntilPast(short.expiresAt);
      assert.deepEqual(await world.filterLive([long.id, short.id]), [long.id]);
      assert.deepEqual(await world.listIds(userId), [long.id]);
    });

    prove('lets a long session live on when a shorter one of the same user began later and ended', async (world) => {
      const userId = world.newUserId();
      const long = await world.create({ userId, idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS });
      const short = await world.create({ userId, idleTimeoutMs: SHORT_MS, absoluteTimeoutMs: SHORT_MS });
      await world.store.revoke({ id: short.id, reason: 'logout', endedBy: null });
      await world.waitUntilPast(short.absoluteExpiresAt);
      assert.deepEqual(await world.listIds(userId), [long.id]);
      await world.getLive(long.id);
    });
  },
};

/** A session that was touched before it expired, which a busy machine may need more than one attempt for. */
async function createAndTouch(world: StoreWorld, userId: string): Promise<SessionRecord> {
  for (let idleTimeoutMs = SHORT_MS; idleTimeoutMs <= MAX_SHORT_MS; idleTimeoutMs *= 2) {
    const record = await world.create({ userId, idleTimeoutMs });
    if (await world.touch({ id: record.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 })) return record;
    await world.assertOver({ id: record.id, userId });
  }
  return assert.fail(`a session was not moved by a touch although it had ${MAX_SHORT_MS} ms left`);
}

async function assertExpiresAt(
  world: StoreWorld,
  { id, userId }: { id: string; userId: string | null },
  wantedAtMs: number,
  eachTime?: () => Promise<unknown>,
): Promise<void> {
  const outcome = await world.pollUntilOver(id, { latestAt: new Date(wantedAtMs), eachTime });
  assert(!outcome.live);
  assert(['expired', 'unknown'].includes(outcome.reason), `the reason is ${outcome.reason}`);
  // 25 ms: an instance may know the backend's time by an offset that is a little off.
  assert((await world.now()).getTime() >= wantedAtMs - 25, 'the session ended too early');
  await world.waitUntilPast(new Date(wantedAtMs));
  await world.assertOver({ id, userId });
}
