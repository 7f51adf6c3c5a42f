import assert from 'node:assert/strict';
import { aNewSession, aTokenHash } from '../world/new-session.js';
import type { StoreWorld } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';

export const undecodableContract: ContractGroup = {
  subject: 'undecodable',
  define(prove) {
    prove('says so instead of failing, on every instance (spring-projects/spring-session#280)', async (world) => {
      const { id } = await spoil(world, world.newUserId());
      for (const store of [world.store, world.other]) {
        assert.deepEqual(await store.find(id), { live: false, reason: 'undecodable' });
      }
    });

    prove('leaves the other sessions of the user listed, found and limited as ever', async (world) => {
      const userId = world.newUserId();
      const healthy = await world.create({ userId });
      const spoilt = await spoil(world, userId);
      assert.deepEqual(await world.listIds(userId), [healthy.id]);
      assert.deepEqual((await world.store.listByUser({ userId, dataContains: {} })).records.length, 1);
      await world.getLive(healthy.id);
      const limit = { max: 2, onLimit: 'reject' } as const;
      const outcome = await world.other.create(aNewSession({ userId, limit, replaces: spoilt.id }));
      assert(outcome.created);
      assert.deepEqual(await world.listIds(userId), [healthy.id, outcome.record.id].toSorted());
    });

    prove('applies no write to it', async (world) => {
      const { id, tokenHash } = await spoil(world, world.newUserId());
      assert.equal((await world.store.update({ id, expectedVersion: 1, data: {} })).applied, false);
      const rotation = { id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' } as const;
      assert.equal((await world.store.rotate(rotation)).applied, false);
      assert.deepEqual(await world.store.find(id), { live: false, reason: 'undecodable' });
    });

    prove('is done away with by a revocation, and nothing of it is left', async (world) => {
      const entries = await world.harness.countEntries?.();
      const { id } = await spoil(world, world.newUserId());
      await world.store.revoke({ id, reason: 'undecodable', endedBy: null });
      const found = await world.store.find(id);
      assert(!found.live && found.reason !== 'undecodable');
      assert.equal(await world.harness.countEntries?.(), entries);
    });

    prove('is ended by the session service when its token comes, and said once', async (world) => {
      const { here } = world.services();
      const { session, token } = await here.create({ userId: world.newUserId() });
      await corrupt(world, session.id);
      const ended: unknown[] = [];
      here.events.on('ended', (one) => void ended.push([one.id, one.endReason]));
      assert.deepEqual(await here.authenticate(token), { outcome: 'absent', reason: 'undecodable' });
      assert.deepEqual(ended, [[session.id, 'undecodable']]);
      const again = await here.authenticate(token);
      assert(again.outcome === 'absent' && again.reason !== 'undecodable');
    });
  },
};

async function corrupt({ harness }: StoreWorld, id: string): Promise<void> {
  const corrupted = harness.corrupt?.(id);
  assert(corrupted, "the harness has no corrupt(): give it one, or say without: ['undecodable']");
  await corrupted;
}

async function spoil(world: StoreWorld, userId: string) {
  const record = await world.create({ userId });
  await corrupt(world, record.id);
  return record;
}
