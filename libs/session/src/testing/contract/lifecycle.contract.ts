import assert from 'node:assert/strict';
import { SessionStoreUnavailableError } from '../../core/session/session-errors.js';
import type { CleanUpOutcome, SessionStore } from '../../core/ports/session-store.js';
import { aNewSession, aTokenHash } from '../world/new-session.js';
import { plain } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

const MAX_STEPS = 100;

/** The last group: its last test stops the store. */
export const lifecycleContract: ContractGroup = {
  subject: 'cleanup and lifecycle',
  define(prove) {
    prove('has a short lower-case name', async ({ store, other }) => {
      assert.match(store.name, /^[a-z][a-z0-9-]{0,31}$/);
      assert.equal(other.name, store.name);
      return Promise.resolve();
    });

    prove('cleans up in bounded steps until nothing is left to do, and harms no live session', async (world) => {
      const userId = world.newUserId();
      const kept = await world.create({ userId });
      const expired = await Promise.all(Array.from({ length: 25 }, () => world.create({ userId, idleTimeoutMs: 100 })));
      const revoked = await world.create({ userId });
      await world.store.revoke({ id: revoked.id, reason: 'logout', endedBy: null });
      await Promise.all(expired.map(({ expiresAt }) => world.waitUntilPast(expiresAt)));
      await cleanUpAll(world.store, 10);
      assert.deepEqual(plain(await world.getLive(kept.id)), plain(kept));
      assert.deepEqual(await world.listIds(userId), [kept.id]);
      for (const { id } of expired) await world.assertOver({ id, userId });
      const again = await world.other.cleanUp({ batchSize: 10 });
      assert.deepEqual([again.expired, again.state], [0, 'done']);
    });

    prove('cleans up on two instances at once, while sessions come, are seen and go', async (world) => {
      const userId = world.newUserId();
      const steady = await world.create({ userId });
      const live = async () => {
        for (let round = 0; round < 20; round++) {
          const { id } = await world.create({ userId }, world.other);
          await world.touch({ id: steady.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
          await world.store.revoke({ id, reason: 'logout', endedBy: null });
        }
      };
      const cleaned = Array.from({ length: 10 }, (_, index) =>
        (index % 2 ? world.store : world.other).cleanUp({ batchSize: 5 }),
      );
      await Promise.all([live(), ...cleaned]);
      assert.deepEqual(await world.listIds(userId), [steady.id]);
    });

    prove('flushes with nothing gathered, twice, and in parallel', async ({ store }) => {
      await store.flush();
      assert.deepEqual(await Promise.all([store.flush(), store.flush()]), [undefined, undefined]);
    });

    prove('writes what was gathered before it stops, and then refuses every call', async (world) => {
      const { harness, store } = world;
      const { id, userId, createdAt, tokenHash } = await world.create({ userId: world.newUserId() });
      await world.waitUntilPast(createdAt);
      const stopping = await harness.secondInstance();
      const separate = stopping !== store;
      const touched = stopping.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
      await Promise.all([stopping.stop(), stopping.stop()]);
      await stopping.stop();
      assert.equal(await touched, true);

      const refused: Record<string, () => Promise<unknown>> = {
        start: () => stopping.start(),
        create: () => stopping.create(aNewSession({ userId })),
        find: () => stopping.find(id),
        touch: () => stopping.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }),
        update: () => stopping.update({ id, expectedVersion: 1, data: {} }),
        rotate: () => stopping.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' }),
        revoke: () => stopping.revoke({ id, reason: 'logout', endedBy: null }),
        revokeAll: () => stopping.revokeAll({ userId: userId ?? '', reason: 'logout', endedBy: null }),
        listByUser: () => stopping.listByUser({ userId: userId ?? '' }),
        cleanUp: () => stopping.cleanUp({ batchSize: 1 }),
      };
      for (const [method, call] of Object.entries(refused)) {
        await assert.rejects(call, SessionStoreUnavailableError, `${method}() did not reject after stop()`);
      }
      if (!separate) return;
      const after = await store.find(id);
      assert(after.live, 'stopping one instance ended a session');
      assert(after.record.lastSeenAt > createdAt, 'a touch was lost');
    });
  },
};

async function cleanUpAll(store: SessionStore, batchSize: number): Promise<void> {
  let outcome: CleanUpOutcome;
  let steps = 0;
  do {
    assert(++steps <= MAX_STEPS, `cleanup was not done after ${MAX_STEPS} steps`);
    outcome = await store.cleanUp({ batchSize });
    for (const count of [outcome.expired, outcome.purged, outcome.auditPurged]) {
      assert(Number.isInteger(count) && count >= 0 && count <= batchSize, `${count} in a step of ${batchSize}`);
    }
  } while (outcome.state !== 'done');
}
