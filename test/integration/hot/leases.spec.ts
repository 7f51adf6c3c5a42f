import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { isDeepStrictEqual } from 'node:util';
import { anIdLike } from 'nest-sessions/testing';
import type { HotSessions } from '#src/core/ports/hot-sessions.js';
import { aLiveSession, confirm, useHotWorld, promote, SUFFIXES, TOUCH } from './world.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const UNCONFIRMED = { state: 'unconfirmed' };

describe('leases of hot sessions in Redis, and lost fields', () => {
  const { world } = useHotWorld();
  let redis: Redis;
  let hot: HotSessions;
  let other: HotSessions;

  beforeEach(async () => {
    redis = world.client();
    [hot, other] = await Promise.all([world.open(), world.open()]);
  });

  const fieldsOf = (id: string) => redis.hgetall(world.keyOf(id));

  describe('a lease', () => {
    it('is lost to a later one, and then nothing is written', async () => {
      const live = aLiveSession();
      const { id } = live.record;
      const first = await hot.lease(id);
      const second = await other.lease(id);
      const before = await fieldsOf(id);
      expect(await promote(hot, { lease: first, live })).toBeUndefined();
      expect(await fieldsOf(id)).toEqual(before);
      expect(await promote(other, { lease: second, live })).toMatchObject({ record: { id } });
      expect(await promote(other, { lease: second, live })).toBeUndefined();
    });

    it.each<[string, (id: string) => Promise<void>]>([
      ['unconfirm', (id) => other.unconfirm([id])],
      ['unconfirmUser', () => other.unconfirmUser('alice')],
      ['drop', (id) => other.drop([id])],
      [
        'keepRevocation of the session',
        (id) => other.keepRevocation({ id, userId: 'alice', reason: 'revoked', endedBy: null }),
      ],
      ['keepRevocation of the user', () => other.keepRevocation({ userId: 'alice', reason: 'revoked', endedBy: null })],
      ['FLUSHALL', async () => void (await redis.flushall())],
    ])('is taken away by %s, with or without a copy (keycloak#51127)', async (_name, change) => {
      for (const isThere of [false, true]) {
        const live = aLiveSession();
        const { id } = live.record;
        if (isThere) await confirm(hot, live);
        const lease = await hot.lease(id);
        await change(id);
        const before = await fieldsOf(id);
        expect(await promote(hot, { lease, live })).toBeUndefined();
        expect(await fieldsOf(id)).toEqual(before);
        expect(await hot.read(id)).toEqual(UNCONFIRMED);
      }
    });

    it('of another session or another generation does not count', async () => {
      const live = aLiveSession();
      const lease = await hot.lease(live.record.id);
      expect(await promote(hot, { lease: { ...lease, id: anIdLike(lease.id) }, live })).toBeUndefined();
      expect(await promote(hot, { lease: { ...lease, generation: 'f'.repeat(40) }, live })).toBeUndefined();
      await redis.hset(world.keyOf(lease.id), `${lease.id}:l`, `${lease.owner}|${'f'.repeat(40)}|${Date.now()}`);
      expect(await promote(hot, { lease: { ...lease, generation: 'f'.repeat(40) }, live })).toBeUndefined();
      expect(await redis.hexists(world.keyOf(lease.id), lease.id)).toBe(0);
    });

    it('expires with its key after a minute without a fill, and never shortens the expiry of a key', async () => {
      const { id } = aLiveSession().record;
      await hot.lease(id);
      const ttlMs = await redis.pttl(world.keyOf(id));
      expect(ttlMs).toBeGreaterThan(50_000);
      expect(ttlMs).toBeLessThanOrEqual(MINUTE_MS);
      const live = aLiveSession();
      await confirm(hot, live);
      await hot.lease(live.record.id);
      expect(await redis.pttl(world.keyOf(live.record.id))).toBeGreaterThan(29 * MINUTE_MS);
    });

    it('that was forgotten is dropped by the next touch, one in use stays', async () => {
      const live = aLiveSession();
      const key = world.keyOf(live.record.id);
      await confirm(hot, live);
      const [forgotten, underWay] = [anIdLike(live.record.id), anIdLike(live.record.id)];
      await hot.lease(underWay);
      await redis.hset(key, `${forgotten}:l`, `owner|${'a'.repeat(40)}|${Date.now() - 2 * MINUTE_MS}`);
      expect(await hot.touch({ id: live.record.id, ...TOUCH })).toBe(true);
      expect(await redis.hmget(key, `${forgotten}:l`, `${underWay}:l`)).toEqual([null, expect.any(String)]);
    });
  });

  describe('losing any of the fields of a copy', () => {
    const subsets = Array.from({ length: 15 }, (_, index) =>
      SUFFIXES.filter((_suffix, bit) => (index + 1) & (1 << bit)),
    );

    async function lose(id: string, suffixes: readonly string[]): Promise<void> {
      await redis.hdel(world.keyOf(id), ...suffixes.map((suffix) => `${id}${suffix}`));
    }

    it.each(subsets.map((lost) => [lost.map((suffix) => `<id>${suffix}`).join(', '), lost] as const))(
      'costs a read of the durable side at most: %s',
      async (_names, lost) => {
        const live = aLiveSession({ data: { a: 1 } });
        const { id } = live.record;
        const isWhole = () => hot.read(id).then((read) => read.state === 'believed');

        await confirm(hot, live);
        await lose(id, lost);
        expect(await isWhole()).toBe(lost.every((suffix) => suffix === ':l'));
        expect(await hot.read(id)).toMatchObject(lost.includes(':t') ? UNCONFIRMED : {});

        const lease = await hot.lease(id);
        await lose(id, lost);
        const before = await fieldsOf(id);
        const promoted = await promote(hot, { lease, live });
        expect(promoted === undefined).toBe(lost.includes(':l'));
        expect(isDeepStrictEqual(await fieldsOf(id), before)).toBe(lost.includes(':l'));
        const { record } = promoted ?? (await confirm(hot, live));
        expect(record).toMatchObject({ id, data: { a: 1 }, tokenHash: Buffer.from(live.record.tokenHash) });
        expect(await isWhole()).toBe(true);
      },
    );
  });
});
