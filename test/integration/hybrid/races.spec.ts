import assert from 'node:assert/strict';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { aNewSession, aTokenHash } from 'nest-sessions/testing';
import { END, type HybridWorld, useHybridWorld, listIds, signIn, type HybridInstance } from './world.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

describe('two instances of a hybrid store that do things at once', () => {
  let world: HybridWorld;
  let here: HybridInstance;
  let there: HybridInstance;
  let userId: string;

  useHybridWorld((opened) => (world = opened));
  beforeAll(async () => {
    [here, there] = [await world.openInstance(), await world.openInstance()];
  });
  afterEach(async () => {
    // After every case, what Redis believes agrees with Postgres.
    await here.sweep();
    const { ghosts, stale, stoppedBy } = await there.store.reconcile();
    assert.deepEqual({ ghosts, stale, stoppedBy }, { ghosts: 0, stale: 0, stoppedBy: 'done' });
  });

  const newUser = () => (userId = `user ${randomUUID()}`);

  const signInMany = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => signIn((i % 2 === 0 ? here : there).store, { userId })));

  /** @param instances - Instances without a held call, which may keep later calls of its instance waiting. */
  const expectOver = async (id: string, instances = [here, there]) => {
    for (const { store } of instances) {
      expect(await store.find(id)).toMatchObject({ live: false });
      expect(await listIds(store, userId)).not.toContain(id);
    }
    expect(await world.hasCopy(id)).toBe(false);
  };

  const expectLiveExactly = async (ids: readonly string[]) => {
    for (const { store } of [here, there]) {
      expect(await listIds(store, userId)).toEqual(ids.toSorted());
      for (const id of ids) expect(await store.find(id)).toMatchObject({ live: true });
    }
  };

  describe('what better-auth loses (better-auth/better-auth#11073)', () => {
    it('of 20 sign-ins at once all are listed, and none but the caller’s survives revokeOthers', async () => {
      newUser();
      const ids = (await signInMany(20)).map(({ id }) => id);
      await expectLiveExactly(ids);
      const [own = '', ...others] = ids;
      const ended = await there.store.revokeAll({ userId, exceptId: own, ...END });
      expect(ended.map(({ id }) => id).toSorted()).toEqual(others.toSorted());
      for (const id of others) await expectOver(id);
      await expectLiveExactly([own]);
      expect(await world.auditOf(own)).toEqual(['session.created']);
      for (const id of others) {
        expect(await world.auditOf(id)).toEqual(['session.created', 'session.ended revoked admin']);
      }
    });

    it('right after the hot copies are gone the list is complete, and what it shows can be revoked', async () => {
      newUser();
      const ids = (await signInMany(5)).map(({ id }) => id);
      await world.redis.flushall();
      await expectLiveExactly(ids);
      await world.redis.flushall();
      const [first = '', ...rest] = ids;
      expect(await here.store.revoke({ id: first, userId, ...END })).toMatchObject({ id: first });
      await expectOver(first);
      await world.redis.flushall();
      expect(await there.store.revokeAll({ userId, ...END })).toHaveLength(rest.length);
      for (const id of rest) await expectOver(id);
      await expectLiveExactly([]);
    });

    it.each(['before hot.touch', 'after hot.touch', 'before durable.touch', 'after durable.touch'])(
      'a touch that is held %s brings nothing back that is revoked meanwhile',
      async (point) => {
        newUser();
        const { id } = await signIn(here.store, { userId });
        const gate = here.calls.holdNext(point);
        const touching = here.store.touch({ id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: 0 });
        await gate.reached;
        expect(await there.store.revoke({ id, ...END })).toMatchObject({ id });
        await expectOver(id, [there]);
        gate.open();
        await touching;
        await here.store.flush();
        await expectOver(id);
        expect(await world.auditOf(id)).toEqual(['session.created', 'session.ended revoked admin']);
      },
    );

    it.each([
      'before hot.unconfirm',
      'before durable.rotate',
      'after durable.rotate',
      'before hot.lease',
      'after durable.find',
      'before hot.promote',
    ])('a refresh that is held %s brings nothing back that is revoked meanwhile', async (point) => {
      newUser();
      const { id, tokenHash } = await signIn(here.store, { userId });
      const gate = here.calls.holdNext(point);
      const rotation = { id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' } as const;
      const rotating = here.store.rotate(rotation);
      await gate.reached;
      expect(await there.store.revoke({ id, ...END })).toMatchObject({ id });
      await expectOver(id, [there]);
      gate.open();
      const { applied } = await rotating;
      await expectOver(id);
      const rotated = applied ? ['session.rotated'] : [];
      expect(await world.auditOf(id)).toEqual(['session.created', ...rotated, 'session.ended revoked admin']);
    });

    it('a change of credentials reaches those that another call has ended, and whose copies are still there', async () => {
      newUser();
      const [other, own] = [await signIn(here.store, { userId }), await signIn(here.store, { userId })];
      const gate = there.calls.holdNext('before hot.drop');
      const revoking = there.store.revoke({ id: other.id, ...END });
      await gate.reached;
      expect(await here.store.find(other.id)).toMatchObject({ live: true });
      const changed = await here.store.rotate({
        id: own.id,
        expectedTokenHash: own.tokenHash,
        tokenHash: aTokenHash(),
        cause: 'rotation',
        endOthers: { reason: 'credential-change', endedBy: null },
      });
      expect(changed).toMatchObject({ applied: true, ended: [] });
      expect(await here.store.find(other.id)).toMatchObject({ live: false });
      gate.open();
      await revoking;
      await expectOver(other.id);
      await expectLiveExactly([own.id]);
    });

    it.each(['before hot.update', 'after hot.update'])(
      'a change of data that is held %s brings nothing back that is revoked meanwhile',
      async (point) => {
        newUser();
        const { id, version } = await signIn(here.store, { userId });
        const gate = here.calls.holdNext(point);
        const updating = here.store.update({ id, expectedVersion: version, data: { cart: 2 } });
        await gate.reached;
        expect(await there.store.revokeAll({ userId, ...END })).toHaveLength(1);
        gate.open();
        expect((await updating).applied).toBe(point.startsWith('after'));
        await expectOver(id);
      },
    );

    it.each(['before hot.lease', 'before durable.create'])(
      'a login that is held %s began after revokeAll: it is listed and lives',
      async (point) => {
        newUser();
        const earlier = await signIn(there.store, { userId });
        const gate = here.calls.holdNext(point);
        const signingIn = signIn(here.store, { userId });
        await gate.reached;
        expect(await there.store.revokeAll({ userId, ...END })).toMatchObject([{ id: earlier.id }]);
        gate.open();
        await expectLiveExactly([(await signingIn).id]);
        await expectOver(earlier.id);
      },
    );

    it.each(['after durable.create', 'before hot.promote'])(
      'a login that is held %s began before revokeAll: it is over, and no copy says otherwise',
      async (point) => {
        newUser();
        const gate = here.calls.holdNext(point);
        const signingIn = signIn(here.store, { userId });
        await gate.reached;
        const ended = await there.store.revokeAll({ userId, ...END });
        gate.open();
        const { id } = await signingIn;
        expect(ended).toMatchObject([{ id }]);
        await expectOver(id);
      },
    );

    it.each([
      { filler: 'has filled', hold: 'before hot.read' },
      { filler: 'is filling', hold: 'before hot.promote' },
    ])('a login whose copy another instance $filler in between, to list it, keeps its data', async ({ hold }) => {
      newUser();
      const gate = here.calls.holdNext('before hot.promote');
      const signingIn = signIn(here.store, { userId });
      await gate.reached;
      if (hold === 'before hot.read') await listIds(there.store, userId);
      const filler = there.calls.holdNext(hold);
      const listing = listIds(there.store, userId);
      await filler.reached;
      gate.open();
      const { id, data } = await signingIn;
      filler.open();
      expect(await listing).toEqual([id]);
      expect(data).toEqual({ cart: 1 });
      for (const { store } of [here, there]) {
        expect(await store.find(id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
      }
    });

    it('after 20 logins that race revokeAll the list is exactly what authenticates', async () => {
      newUser();
      const signingIn = signInMany(20);
      const revoked = await Promise.all([here, there].map(({ store }) => store.revokeAll({ userId, ...END })));
      const ids = (await signingIn).map(({ id }) => id);
      const ended = new Set(revoked.flat().map(({ id }) => id));
      expect(ended.size).toBe(revoked.flat().length);
      for (const id of ended) await expectOver(id);
      await expectLiveExactly(ids.filter((id) => !ended.has(id)));
    });
  });

  // The filler has read that the session is live and has yet to write the copy.
  describe.each(['after durable.find', 'before hot.lease', 'before hot.promote'])(
    'a fill that is held %s (keycloak/keycloak#51127)',
    (point) => {
      const holdFill = async () => {
        newUser();
        const session = await signIn(there.store, { userId });
        await world.redis.flushall();
        const gate = here.calls.holdNext(point);
        const filling = here.store.find(session.id);
        await gate.reached;
        const resume = () => {
          gate.open();
          return filling;
        };
        return { session, resume };
      };

      it('brings nothing back that is revoked meanwhile', async () => {
        const { session, resume } = await holdFill();
        expect(await there.store.revoke({ id: session.id, ...END })).toMatchObject({ id: session.id });
        expect(await resume()).toMatchObject({ live: false });
        await expectOver(session.id);
      });

      it('brings nothing back that revokeAll ends meanwhile', async () => {
        const { session, resume } = await holdFill();
        expect(await there.store.revokeAll({ userId, ...END })).toHaveLength(1);
        expect(await resume()).toMatchObject({ live: false });
        await expectOver(session.id);
      });

      it('brings no token back that is rotated away meanwhile', async () => {
        const { session, resume } = await holdFill();
        const tokenHash = aTokenHash();
        const rotation = {
          id: session.id,
          expectedTokenHash: session.tokenHash,
          tokenHash,
          cause: 'rotation',
        } as const;
        expect(await there.store.rotate(rotation)).toMatchObject({ applied: true });
        expect(await resume()).toMatchObject({ live: true, record: { tokenHash } });
        for (const { store } of [here, there])
          expect(await store.find(session.id)).toMatchObject({ record: { tokenHash } });
      });

      it('starts again when Redis is flushed meanwhile, and keeps what another one wrote', async () => {
        const { session, resume } = await holdFill();
        await world.redis.flushall();
        const found = await there.store.find(session.id);
        if (!found.live) throw new Error(`not live: ${found.reason}`);
        const change = { id: session.id, expectedVersion: found.record.version, data: { cart: 2 } };
        expect(await there.store.update(change)).toMatchObject({ applied: true });
        expect(await resume()).toMatchObject({ live: true, record: { data: { cart: 2 } } });
        expect(await there.store.find(session.id)).toMatchObject({ live: true, record: { data: { cart: 2 } } });
      });

      it('brings nothing back when Redis is flushed and the session revoked meanwhile, in either order', async () => {
        for (const isFlushedFirst of [true, false]) {
          const { session, resume } = await holdFill();
          if (isFlushedFirst) await world.redis.flushall();
          expect(await there.store.revoke({ id: session.id, ...END })).toMatchObject({ id: session.id });
          if (!isFlushedFirst) await world.redis.flushall();
          expect(await resume()).toMatchObject({ live: false });
          await expectOver(session.id);
        }
      });

      it('brings nothing back that is deleted in SQL and swept meanwhile', async () => {
        const { session, resume } = await holdFill();
        await world.postgres.query('delete from sessions where id = $1', [session.id]);
        await there.sweep();
        expect(await resume()).toEqual({ live: false, reason: 'unknown' });
        await expectOver(session.id);
      });

      it('is undone by the next sweep when the revoker could not reach Redis meanwhile', async () => {
        const { session, resume } = await holdFill();
        there.cutOff('redis');
        await expect(there.store.revoke({ id: session.id, ...END })).rejects.toMatchObject({ pending: 'redis' });
        await resume();
        await here.sweep();
        await there.rejoin('redis');
        await expectOver(session.id);
      });
    },
  );

  it('fills of ids that nobody has leave nothing in Redis', async () => {
    await world.redis.flushall();
    await Promise.all(Array.from({ length: 20 }, () => here.store.find(aNewSession().id)));
    expect(await world.redis.dbsize()).toBe(0);
  });
});
