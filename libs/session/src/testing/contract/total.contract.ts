import assert from 'node:assert/strict';
import type { SessionRecord } from '../../core/session/session-record.js';
import type { SessionStore } from '../../core/ports/session-store.js';
import { aNewSession, anAuthentication, aTokenHash } from '../world/new-session.js';
import type { StoreWorld } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

const END = { reason: 'admin', endedBy: 'operator' } as const;

/** Waits until the backend's clock has moved, so that what begins next does not begin in the same ms. */
async function nextMoment(world: StoreWorld): Promise<Date> {
  const now = await world.now();
  await world.waitUntilPast(now);
  return world.now();
}

const idsOf = (sessions: readonly { readonly id: string }[]) => sessions.map(({ id }) => id).toSorted();

/** The end of all sessions of everybody at once (ASVS 7.4.5). */
export const totalContract: ContractGroup = {
  subject: 'revokeEverything',
  define(prove) {
    prove('ends every session of everybody on every instance, and lets those stand that begin after', async (world) => {
      const before = await Promise.all([
        world.create({ userId: world.newUserId() }),
        world.create({ userId: world.newUserId() }, world.other),
        world.create({ userId: null }),
      ]);
      for (const { id } of before) await world.getLive(id);
      const ended = await world.store.revokeEverything(END);
      const after = await world.create({ userId: before[0]?.userId ?? null }, world.other);
      const { before: floor, endReason, endedBy } = ended;
      assert.deepEqual({ reason: endReason, endedBy }, END);
      for (const { createdAt } of before) assert(createdAt <= floor);
      for (const one of before) await world.assertOver(one);
      await world.getLive(after.id);
      assert.deepEqual(await world.listIds(after.userId ?? ''), [after.id]);
    });

    prove('no write to a session that ended so applies, or brings it back', async (world) => {
      const userId = world.newUserId();
      const records = [await world.create({ userId }), await world.create({ userId }, world.other)];
      for (const { id } of records) await world.getLive(id);
      await world.other.revokeEverything(END);
      for (const { id, version, tokenHash } of records) {
        assert.equal(await world.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 }), false);
        const updated = await world.store.update({ id, expectedVersion: version, data: { late: true } });
        assert.deepEqual(updated, { applied: false, reason: 'absent' });
        const authentication = { ...anAuthentication(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS };
        for (const renewed of [undefined, authentication]) {
          const hashes = { expectedTokenHash: tokenHash, tokenHash: aTokenHash() };
          const rotated = await world.store.rotate({ id, ...hashes, cause: 'rotation', authentication: renewed });
          assert.deepEqual(rotated, { applied: false, reason: 'absent' });
        }
      }
      assert.deepEqual(await world.store.revokeAll({ userId, reason: 'logout', endedBy: null }), []);
      for (const record of records) await world.assertOver(record);
    });

    prove('with an instant, ends what began before it and nothing else; a later one than now is now', async (world) => {
      const userId = world.newUserId();
      const old = await world.create({ userId });
      const before = await nextMoment(world);
      const since = await world.create({ userId });
      const ended = await world.store.revokeEverything({ ...END, before });
      assert.equal(ended.before.getTime(), before.getTime());
      await world.assertOver(old);
      await world.getLive(since.id);
      await world.store.revokeEverything({ ...END, before: new Date(before.getTime() + 100 * HOUR_MS) });
      await world.assertOver(since);
      const later = await world.create({ userId });
      await world.getLive(later.id);
      // An earlier instant takes nothing back and ends nothing more.
      await world.store.revokeEverything({ ...END, before });
      for (const one of [old, since]) await world.assertOver(one);
      await world.getLive(later.id);
    });

    prove('sessions that it ended count towards no limit, and are replaced without being reported', async (world) => {
      const userId = world.newUserId();
      const limit = { max: 1, onLimit: 'reject' } as const;
      const old = await world.create({ userId, limit });
      await world.store.revokeEverything(END);
      const outcome = await world.other.create(aNewSession({ userId, limit, replaces: old.id }));
      assert(outcome.created, 'an ended session took the place of a new one');
      assert.deepEqual(outcome.ended, []);
      assert.deepEqual(await world.listIds(userId), [outcome.record.id]);
    });

    prove(
      'with sign-ins and requests on two instances meanwhile: no earlier session is accepted afterwards',
      async (world) => {
        const stores = [world.store, world.other];
        const before = await Promise.all(
          Array.from({ length: 10 }, (_, index) => world.create({ userId: world.newUserId() }, stores[index % 2])),
        );
        const during: Promise<SessionRecord>[] = [];
        let isResolved = false;
        const keepSigningIn = async (store: SessionStore) => {
          while (!isResolved) {
            const created = world.create({ userId: world.newUserId() }, store);
            during.push(created);
            await created;
          }
        };
        const keepAsking = async (store: SessionStore) => {
          while (!isResolved) {
            for (const { id } of before) {
              const isAskedAfter = isResolved;
              const found = await store.find(id);
              assert(!(isAskedAfter && found.live), 'an earlier session is accepted after the call resolved');
            }
          }
          assert.deepEqual(await world.filterLive(idsOf(before), store), []);
        };
        const others = stores.flatMap((store) => [keepSigningIn(store), keepAsking(store)]);
        await world.store.revokeEverything(END);
        isResolved = true;
        await Promise.all(others);
        const after = await Promise.all(stores.map((store) => world.create({ userId: world.newUserId() }, store)));
        const created = idsOf([...(await Promise.all(during)), ...after]);
        const live = await world.filterLive(created);
        assert.deepEqual(await world.filterLive(created, world.other), live, 'instances do not agree');
        for (const { id } of after) assert(live.includes(id));
      },
    );

    prove('of two at the same time both are followed', async (world) => {
      for (let round = 0; round < 3; round++) {
        const before = await Promise.all([1, 2, 3].map(() => world.create({ userId: world.newUserId() })));
        await Promise.all([world.store.revokeEverything(END), world.other.revokeEverything(END)]);
        for (const one of before) await world.assertOver(one);
        await world.getLive((await world.create({ userId: world.newUserId() })).id);
      }
    });
  },
};
