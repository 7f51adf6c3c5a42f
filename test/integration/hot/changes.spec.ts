import { countCalls } from '../../support/redis-probes.js';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { setTimeout as wait } from 'node:timers/promises';
import { anIdLike } from 'nest-sessions/testing';
import type { HotSessions } from '#src/core/ports/hot-sessions.js';
import { aLiveSession, confirm, useHotWorld, listCopiedIds, promote, SUFFIXES, TOUCH } from './world.js';

describe('changes of hot sessions in Redis', () => {
  const { world } = useHotWorld();
  let redis: Redis;
  let hot: HotSessions;
  let other: HotSessions;

  beforeEach(async () => {
    redis = world.client();
    [hot, other] = await Promise.all([world.open(), world.open()]);
  });

  const fieldsOf = (id: string) => redis.hgetall(world.keyOf(id));
  const isBelieved = async (id: string) => (await other.read(id)).state === 'believed';

  describe('changes of copies', () => {
    it('leave nothing behind for a missing copy', async () => {
      const { id } = aLiveSession().record;
      expect(await hot.touch({ id, ...TOUCH })).toBe(false);
      expect(await hot.update({ id, expectedVersion: 1, data: {} })).toEqual({ applied: false, reason: 'absent' });
      await hot.unconfirm([id]);
      await hot.drop([id]);
      await hot.unconfirmUser('alice');
      await hot.unconfirm([]);
      await hot.drop([]);
      expect(await redis.dbsize()).toBe(0);
    });

    it('stop belief in the named copies, of any number of users, and keep their data', async () => {
      const lives = Array.from({ length: 30 }, (_, i) => aLiveSession({ userId: `user ${i % 7}`, data: { i } }));
      for (const live of lives) await confirm(hot, live);
      const ids = lives.map(({ record }) => record.id);
      const [named, others] = [ids.slice(0, 20), ids.slice(20)];
      await hot.unconfirm([...named, ...named]);
      for (const id of named) expect(await isBelieved(id)).toBe(false);
      for (const id of others) expect(await isBelieved(id)).toBe(true);
      expect((await listCopiedIds(other)).toSorted()).toEqual(ids.toSorted());
      const again = await Promise.all(
        lives.map((live) => confirm(hot, { ...live, record: { ...live.record, data: {} } })),
      );
      expect(again.map(({ record }) => record.data)).toEqual(lives.map(({ record }) => record.data));
      await hot.drop(named);
      expect((await listCopiedIds(other)).toSorted()).toEqual(others.toSorted());
    });

    it('drop many copies of one user by some hundred a command, which blocks the server', async () => {
      const lives = Array.from({ length: 600 }, () => aLiveSession());
      const kept = aLiveSession();
      for (const live of [...lives, kept]) await confirm(hot, live);
      const before = await countCalls(redis, 'hdel');
      await hot.drop(lives.map(({ record }) => record.id));
      expect((await countCalls(redis, 'hdel')) - before).toBe(3);
      expect(await listCopiedIds(other)).toEqual([kept.record.id]);
      expect(await isBelieved(kept.record.id)).toBe(true);
    });

    it('stop belief in all copies of one user only', async () => {
      const [first, second, foreign] = [aLiveSession(), aLiveSession(), aLiveSession({ userId: 'bob' })];
      for (const live of [first, second, foreign]) await confirm(hot, live);
      await hot.unconfirmUser('alice');
      expect(await Promise.all([first, second, foreign].map(({ record }) => isBelieved(record.id)))).toEqual([
        false,
        false,
        true,
      ]);
    });

    it('that drop leave no field behind', async () => {
      const { id } = (await confirm(hot, aLiveSession())).record;
      await hot.lease(id);
      expect(Object.keys(await fieldsOf(id)).toSorted()).toEqual(SUFFIXES.map((suffix) => id + suffix).toSorted());
      await hot.drop([id]);
      expect(await redis.dbsize()).toBe(0);
    });

    it('leave nothing of an expired copy when its user comes back', async () => {
      const [expired, live] = [aLiveSession(), aLiveSession()];
      await confirm(hot, live);
      await confirm(hot, expired);
      const { id } = expired.record;
      await redis.hset(world.keyOf(id), `${id}:t`, `${Date.now() - 2}|${Date.now() - 1}`);
      await hot.touch({ id: live.record.id, ...TOUCH });
      expect(Object.keys(await fieldsOf(id)).filter((field) => field.startsWith(id))).toEqual([]);
    });
  });

  describe('revocations that wait for the durable side', () => {
    const end = { reason: 'revoked', endedBy: 'admin' } as const;

    it('are kept with their age by the clock of the server until they are forgotten', async () => {
      const { id } = (await confirm(hot, aLiveSession())).record;
      await hot.keepRevocation({ id, userId: 'alice', ...end });
      await hot.keepRevocation({ userId: 'bob', exceptId: id, ...end });
      await wait(30);
      const kept = await other.listKeptRevocations(10);
      expect(kept.map(({ revocation }) => revocation)).toEqual([
        { id, userId: 'alice', ...end },
        { userId: 'bob', exceptId: id, ...end },
      ]);
      for (const { ageMs } of kept) {
        expect(ageMs).toBeGreaterThanOrEqual(28);
        expect(ageMs).toBeLessThan(10_000);
      }
      expect(await redis.pttl(`${world.keyPrefix}:revocations`)).toBe(-1);
      await other.forgetRevocations([kept[0]?.key ?? '']);
      expect(await hot.listKeptRevocations(10)).toMatchObject([{ key: kept[1]?.key }]);
      await other.forgetRevocations([]);
      await other.forgetRevocations(kept.map(({ key }) => key));
      expect(await hot.listKeptRevocations(10)).toEqual([]);
    });

    it('are listed in batches until none is left', async () => {
      const ids = Array.from({ length: 25 }, (_, i) => aLiveSession({ userId: `user ${i}` }).record.id);
      await Promise.all(ids.map((id) => hot.keepRevocation({ id, ...end })));
      const handled: string[] = [];
      for (let left = 25; left > 0; left -= 10) {
        const kept = await hot.listKeptRevocations(10);
        expect(kept).toHaveLength(Math.min(10, left));
        handled.push(...kept.map(({ revocation }) => ('id' in revocation ? revocation.id : '')));
        await hot.forgetRevocations(kept.map(({ key }) => key));
      }
      expect(handled.toSorted()).toEqual(ids.toSorted());
    });

    it('remove the copy that they name, and no foreign one', async () => {
      const [own, foreign] = [aLiveSession(), aLiveSession({ userId: 'bob' })];
      for (const live of [own, foreign]) await confirm(hot, live);
      await hot.keepRevocation({ id: foreign.record.id, userId: 'alice', ...end });
      await hot.keepRevocation({ id: own.record.id, userId: 'alice', ...end });
      expect(await isBelieved(foreign.record.id)).toBe(true);
      expect(await fieldsOf(own.record.id)).toEqual({});
      await hot.keepRevocation({ id: foreign.record.id, ...end });
      expect(await fieldsOf(foreign.record.id)).toEqual({});
    });

    it('do not touch a copy of a user who shares the reference', async () => {
      const own = aLiveSession();
      const stranger = aLiveSession({ userId: 'bob', id: anIdLike(own.record.id) });
      for (const live of [own, stranger]) await confirm(hot, live);
      await hot.keepRevocation({ id: stranger.record.id, userId: 'alice', ...end });
      await hot.keepRevocation({ userId: 'alice', ...end });
      expect(await listCopiedIds(hot)).toEqual([stranger.record.id]);
    });

    it('remove all copies of a user except one, and the leases', async () => {
      const [first, second, third] = [aLiveSession(), aLiveSession(), aLiveSession()];
      for (const live of [first, second]) await confirm(hot, live);
      const lease = await hot.lease(third.record.id);
      await hot.keepRevocation({ userId: 'alice', exceptId: second.record.id, ...end });
      expect(await promote(hot, { lease, live: third })).toBeUndefined();
      expect(await isBelieved(second.record.id)).toBe(true);
      expect(await listCopiedIds(hot)).toEqual([second.record.id]);
    });

    it('are stored first: when Redis refuses, no copy is removed', async () => {
      const { id } = (await confirm(hot, aLiveSession())).record;
      await redis.config('SET', 'maxmemory', '1');
      await expect(hot.keepRevocation({ id, ...end })).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
      expect(await isBelieved(id)).toBe(true);
      await hot.drop([id]);
      expect(await isBelieved(id)).toBe(false);
    });

    it('that cannot be read stay, and are logged once', async () => {
      await redis.hset(`${world.keyPrefix}:revocations`, { future: '2|x', other: '1|{"broken"', third: '1|{"x":1}' });
      for (let i = 0; i < 2; i++) expect(await hot.listKeptRevocations(10)).toEqual([]);
      expect(world.logged.filter((line) => line.includes('kept revocation'))).toHaveLength(3);
      expect(await redis.hlen(`${world.keyPrefix}:revocations`)).toBe(3);
    });
  });
});
