import assert from 'node:assert/strict';
import type { World } from './world.js';

/** Runs work to its end, and lets every step that it waits for go on. */
type Finish = <T>(work: Promise<T>) => Promise<T>;

/** Checks what holds at every moment, with any operation half done. */
export function checkStep({ durable, redis }: World): void {
  for (const [id, { epoch, generation }] of redis.contents.copies) {
    const endedIn = durable.epochThatEnds(id);
    if (endedIn === undefined || generation === undefined) continue;
    assert(epoch < endedIn, `a copy of ${id} was confirmed in the epoch in which it is over`);
  }
  checkAudit(durable);
}

/** Checks what holds once both sides are up, no operation is under way and all instances have swept. */
export async function checkHealed(world: World, finish: Finish): Promise<void> {
  const { durable, redis, ledger, instances } = world;
  assert.equal(durable.pendingChanges, 0, 'changes are left that hot copies have not followed');
  const live = new Set(durable.liveIds());
  for (const id of ledger.ids()) {
    assert(live.has(id) || ledger.mayBeOver(id), `session ${id} is over, which nobody asked for`);
  }
  assert.deepEqual(
    redis.believedIds(durable.epoch).filter((id) => !live.has(id)),
    [],
    'a hot copy is believed of a session that is over',
  );
  for (const { store, hot } of instances) {
    assert.equal(hot.epoch.known, durable.epoch, 'an instance has not heard of the epoch');
    for (const id of ledger.ids()) {
      const found = await finish(store.find(id));
      assert.equal(found.live, live.has(id), `session ${id} is ${found.live ? '' : 'not '}accepted after healing`);
      if (!found.live) continue;
      ledger.began().assertMayBeAccepted(found.record);
      assert.deepEqual(found.record.tokenHash, durable.rows.get(id)?.record.tokenHash, 'the sides disagree');
      for (const key of ledger.keysThatMustBeIn(id)) assert(key in found.record.data, `${key} of ${id} was lost`);
    }
  }
  checkAudit(durable);
  await checkReconciled(world, { live, finish });
}

/** Nothing changes meanwhile. One run leaves exactly the copies of live sessions, and a second one finds no drift. */
async function checkReconciled(
  { instances, redis }: World,
  { live, finish }: { live: ReadonlySet<string>; finish: Finish },
): Promise<void> {
  const [first, second] = instances;
  assert(first && second);
  const before = redis.copiedIds();
  const ghosts = before.filter((id) => !live.has(id)).length;
  const done = { stale: 0, stoppedBy: 'done' };
  assert.deepEqual(await finish(first.store.reconcile()), { checked: before.length, ghosts, ...done });
  assert.deepEqual(await finish(second.store.reconcile()), { checked: before.length - ghosts, ghosts: 0, ...done });
  assert.deepEqual(
    redis.copiedIds(),
    before.filter((id) => live.has(id)),
  );
}

function checkAudit({ audit, rows }: World['durable']): void {
  const counts = new Map<string, number>();
  for (const { id, event } of audit) counts.set(`${event} ${id}`, (counts.get(`${event} ${id}`) ?? 0) + 1);
  for (const [id, { ended }] of rows) {
    assert.equal(counts.get(`created ${id}`), 1);
    assert.equal(counts.get(`ended ${id}`) ?? 0, ended ? 1 : 0);
  }
}
