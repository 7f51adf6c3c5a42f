import assert from 'node:assert/strict';
import type { SessionData } from '../../core/session/session-data.js';
import { Gate } from '../world/gate.js';
import type { ContractGroup } from './contract-group.js';

/** Data with keys that no application declared. */
const loose = (data: object): SessionData => data;
const numberIn = (data: object, key: string): number => Number(new Map(Object.entries(data)).get(key) ?? 0);

export const concurrentChangeContract: ContractGroup = {
  subject: 'concurrent change through two session services',
  define(prove) {
    prove('keeps all of 26 keys that are set in parallel (I3, tj/connect-redis#346)', async (world) => {
      const { here, there } = world.services();
      const { session } = await here.create({ userId: world.newUserId() });
      const letters = Array.from('abcdefghijklmnopqrstuvwxyz');
      await Promise.all(
        letters.map((letter, index) => (index % 2 ? here : there).update(session, { set: loose({ [letter]: index }) })),
      );
      const { data, version } = await world.getLive(session.id);
      assert.deepEqual(data, Object.fromEntries(letters.map((letter, index) => [letter, index])));
      assert.equal(version, 27);
    });

    prove('adds up 100 parallel update functions exactly (I3, tj/connect-redis#346)', async (world) => {
      const { here, there } = world.services();
      const { session } = await here.create({ userId: world.newUserId(), data: loose({ n: 1000 }) });
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          (index % 2 ? here : there).update(session.id, (data) => loose({ ...data, n: numberIn(data, 'n') + 1 })),
        ),
      );
      assert.deepEqual((await world.getLive(session.id)).data, { n: 1100 });
    });

    prove('adds up 100 parallel increments exactly, of a key that was absent', async (world) => {
      const { here, there } = world.services();
      const { session } = await here.create({ userId: null });
      const patch: object = { increment: { visits: 1 } };
      await Promise.all(Array.from({ length: 100 }, (_, index) => (index % 2 ? here : there).update(session, patch)));
      assert.deepEqual((await world.getLive(session.id)).data, { visits: 100 });
    });

    prove('lets a slow request and a quick one both be heard (tj/connect-redis#346)', async (world) => {
      const { here, there } = world.services();
      const { session } = await here.create({ userId: world.newUserId() });
      const started = new Gate();
      const mayEnd = new Gate();
      const slow = here.update(session, async (data) => {
        started.open();
        await mayEnd.opened;
        return loose({ ...data, slow: true });
      });
      await started.opened;
      await there.update(session, { set: loose({ quick: true }) });
      mayEnd.open();
      assert.deepEqual((await slow)?.data, { quick: true, slow: true });
      assert.deepEqual((await world.getLive(session.id)).data, { quick: true, slow: true });
    });

    prove(
      'writes nothing when the session is revoked while an update is being worked out (I2, expressjs/session#632)',
      async (world) => {
        const { here, there } = world.services();
        const { session, token } = await here.create({ userId: world.newUserId() });
        const started = new Gate();
        const mayEnd = new Gate();
        const late = here.update(session, async () => {
          started.open();
          await mayEnd.opened;
          return loose({ late: true });
        });
        await started.opened;
        assert.equal(await there.revoke(session.id), true);
        mayEnd.open();
        assert.equal(await late, undefined);
        assert.deepEqual(await here.rotate(token), { rotated: false, reason: 'absent' });
        assert.equal((await here.authenticate(token)).outcome, 'absent');
        await world.assertOver(session);
      },
    );

    prove(
      'leaves one live token and no error after 20 parallel rotations (I7, expressjs/session#425)',
      async (world) => {
        const { here, there } = world.services();
        const { session, token } = await here.create({ userId: world.newUserId() });
        const outcomes = await Promise.all(
          Array.from({ length: 20 }, (_, index) => (index % 2 ? here : there).rotate(token)),
        );
        const [winner, ...more] = outcomes.flatMap((outcome) => (outcome.rotated ? [outcome] : []));
        assert(winner && more.length === 0);
        assert.equal(winner.session.id, session.id);
        assert.equal((await there.authenticate(token)).outcome, 'absent');
        assert.equal((await there.authenticate(winner.token)).outcome, 'live');
      },
    );

    prove('lets no rotation survive a revocation that it races with, 50 times (I2)', async (world) => {
      const { here, there } = world.services();
      const userId = world.newUserId();
      for (let round = 0; round < 50; round++) {
        const { session, token } = await here.create({ userId });
        const [rotated, revoked] = await Promise.all([
          round % 2 ? here.rotate(token) : here.reauthenticate(token, { amr: ['pwd'] }),
          there.revoke(session.id),
        ]);
        assert.equal(revoked, true);
        for (const held of [token, ...(rotated.rotated ? [rotated.token] : [])]) {
          assert.equal((await here.authenticate(held)).outcome, 'absent');
        }
      }
      assert.deepEqual(await world.listIds(userId), []);
    });

    prove('keeps data and token when rotations meet updates (I3, I7)', async (world) => {
      const { here, there } = world.services();
      const created = await here.create({ userId: world.newUserId(), data: loose({ n: 0 }) });
      let { token } = created;
      for (let round = 0; round < 25; round++) {
        const [rotated] = await Promise.all([
          here.rotate(token),
          there.update(created.session.id, (data) => loose({ n: numberIn(data, 'n') + 1 })),
        ]);
        assert(rotated.rotated);
        token = rotated.token;
      }
      assert.deepEqual((await world.getLive(created.session.id)).data, { n: 25 });
      assert.equal((await there.authenticate(token)).outcome, 'live');
    });
  },
};
