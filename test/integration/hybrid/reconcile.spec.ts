import { eventually } from '../../support/redis-probes.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { HybridSessionStore } from 'nest-sessions/hybrid';
import { aNewSession, anIdLike, aTokenHash } from 'nest-sessions/testing';
import { SessionStoreUnavailableError } from '#src/core/session/session-errors.js';
import { startRedisServer, type RedisServer } from 'local-servers/testing';
import { END, ReconcileWorld, signIn, signInMany } from './reconcile-world.js';

import { HOUR_MS } from '#src/testing/world/durations.js';

describe('reconciling the sides of the hybrid store', () => {
  let server: RedisServer;
  let world: ReconcileWorld;
  let store: HybridSessionStore;

  beforeAll(async () => {
    server = await startRedisServer();
  });
  beforeEach(async () => {
    world = await ReconcileWorld.open(server.url);
    store = await world.openStore();
  });
  afterEach(() => world.close());
  afterAll(() => server.stop());

  const accepts = async (id: string) => (await store.find(id)).live;
  const copyOf = async (id: string) => world.redis.hget(world.keyOf(id), id);

  describe('what it repairs', () => {
    it('drops the believed copy of a revoked session that came back by hand', async () => {
      const [{ id }, other] = [await signIn(store), await signIn(store)];
      const putBack = await world.keepCopy(id);
      await store.revoke({ id, ...END });
      await putBack();
      expect(await accepts(id)).toBe(true);
      expect(await store.reconcile()).toEqual({ checked: 2, ghosts: 1, stale: 0, stoppedBy: 'done' });
      expect(await accepts(id)).toBe(false);
      expect(Object.keys(await world.redis.hgetall(world.keyOf(id))).filter((field) => field.startsWith(id))).toEqual(
        [],
      );
      expect(await store.find(other.id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
      expect(await store.reconcile()).toEqual({ checked: 1, ghosts: 0, stale: 0, stoppedBy: 'done' });
    });

    it('drops copies of rows that are gone', async () => {
      const { id } = await signIn(store);
      await world.deleteRows([id]);
      expect(await store.reconcile()).toMatchObject({ checked: 1, ghosts: 1 });
      expect(await accepts(id)).toBe(false);
    });

    it('stops belief in a copy with an outdated token and keeps its data', async () => {
      const { id, tokenHash } = await signIn(store);
      const putBack = await world.keepCopy(id);
      const next = aTokenHash();
      await store.rotate({ id, expectedTokenHash: tokenHash, tokenHash: next, cause: 'rotation' });
      await putBack();
      expect(await store.find(id)).toMatchObject({ record: { tokenHash } });
      expect(await store.reconcile()).toEqual({ checked: 1, ghosts: 0, stale: 1, stoppedBy: 'done' });
      // A copy that is not believed is no drift, whether or not a request has come for it.
      expect(await store.reconcile()).toMatchObject({ checked: 1, stale: 0 });
      expect(await store.find(id)).toMatchObject({ record: { tokenHash: next, data: { cart: 1 } } });
    });

    it('stops belief in a copy of another user, and in one of a row that cannot be read', async () => {
      const [first, second] = [await signIn(store), await signIn(store)];
      const record = (await copyOf(first.id)) ?? '';
      const [own, foreign] = ['alice', 'mallory'].map((user) => Buffer.from(user).toString('base64url'));
      await world.redis.hset(world.keyOf(first.id), first.id, record.replace(`|${own}|`, `|${foreign}|`));
      expect(await store.find(first.id)).toMatchObject({ record: { userId: 'mallory' } });
      await world.postgres.query(`update sessions set data = '[]' where id = $1`, [second.id]);
      expect(await store.reconcile()).toMatchObject({ checked: 2, ghosts: 0, stale: 2 });
      expect(await store.find(first.id)).toMatchObject({ record: { userId: 'alice', data: { cart: 1 } } });
      expect(await store.find(second.id)).toEqual({ live: false, reason: 'undecodable' });
    });

    it('leaves a copy alone that Postgres takes for expired: a touch on its way proves it alive', async () => {
      const late = await world.openStore({ postgres: { touchFlushInterval: '30m' } });
      const { id } = await signIn(late, { idleTimeoutMs: 600 });
      expect(await late.touch({ id, idleTimeoutMs: 3 * HOUR_MS, touchIntervalMs: 0 })).toBe(true);
      await eventually(async () => {
        const [row] = await world.postgres.query(`select from sessions where id = $1 and expires_at < now()`, [id]);
        expect(row).toBeDefined();
      });
      expect(await store.reconcile()).toMatchObject({ checked: 1, ghosts: 0, stale: 0 });
      expect(await store.find(id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
      await late.flush();
      expect(
        await world.postgres.query(`select from sessions where id = $1 and expires_at > now()`, [id]),
      ).toHaveLength(1);
      expect(await store.reconcile({ userId: 'alice' })).toMatchObject({ checked: 1, ghosts: 0, stale: 0, cold: 0 });
    });

    it('passes over keys and fields of somebody else', async () => {
      const { id } = await signIn(store);
      const [key, stranger] = [world.keyOf(id), aNewSession().id];
      await world.redis.set(`${world.keyPrefix}:{0123456789abcdef}`, 'no hash');
      await world.redis.hset(`${world.keyPrefix}:{x}`, id, 'no reference');
      await world.redis.hset(key, { [stranger]: 'no copy of this user', note: 'no id' });
      expect(await store.reconcile()).toMatchObject({ checked: 1, ghosts: 0, stale: 0 });
      expect(await world.redis.hmget(key, stranger, 'note')).toEqual(['no copy of this user', 'no id']);
    });

    it('drops copies that nobody can read when their session is over, and counts the others as agreed', async () => {
      const [over, live] = [await signIn(store), await signIn(store)];
      await store.revoke({ id: over.id, ...END });
      for (const { id } of [over, live]) await world.redis.hset(world.keyOf(id), id, '2|of the future');
      expect(await store.reconcile()).toMatchObject({ checked: 2, ghosts: 1, stale: 0 });
      expect([await copyOf(over.id), await copyOf(live.id)]).toEqual([null, '2|of the future']);
    });
  });

  describe('for one user', () => {
    it('looks at that user’s reference only and counts the sessions without a copy', async () => {
      const [ghost, cold, warm] = [await signIn(store), await signIn(store), await signIn(store)];
      const foreign = await signIn(store, { userId: 'bob' });
      const stranger = await signIn(store, { userId: 'carol', id: anIdLike(warm.id) });
      await world.redis.hdel(world.keyOf(cold.id), cold.id, `${cold.id}:t`, `${cold.id}:g`);
      await world.deleteRows([ghost.id, foreign.id, stranger.id]);
      expect(await store.reconcile({ userId: 'alice' })).toEqual({
        checked: 3,
        ghosts: 2,
        stale: 0,
        cold: 1,
        stoppedBy: 'done',
      });
      expect(await copyOf(foreign.id)).not.toBeNull();
      expect(await accepts(cold.id)).toBe(true);
      expect(await store.reconcile({ userId: 'alice' })).toMatchObject({ checked: 2, ghosts: 0, cold: 0 });
      expect(await store.reconcile({ userId: 'nobody' })).toMatchObject({ checked: 0, cold: 0, stoppedBy: 'done' });
    });
  });

  describe('page by page', () => {
    it('goes through 2,000 sessions and tells of the drift as numbers', async () => {
      const records = await signInMany(store, { sessions: 2_000, users: 1_500 });
      const ids = records.map(({ id }) => id);
      const [gone, changed, rest] = [ids.slice(0, 40), ids.slice(40, 70), ids.slice(70)];
      await world.deleteRows(gone);
      await world.postgres.query(`update sessions set token_hash = sha256(token_hash) where id = any($1)`, [changed]);
      // One page only. The next run resumes at the cursor.
      const total = { checked: 0, ghosts: 0, stale: 0, runs: 0 };
      let cursor: string | undefined;
      do {
        const result = await store.reconcile({ timeBudgetMs: 0, ...(cursor !== undefined && { cursor }) });
        for (const key of ['checked', 'ghosts', 'stale'] as const) total[key] += result[key];
        total.runs += 1;
        ({ cursor } = result);
        expect(result.stoppedBy).toBe(cursor === undefined ? 'done' : 'time');
      } while (cursor !== undefined);
      expect(total).toMatchObject({ ghosts: 40, stale: 30 });
      expect(total.checked).toBeGreaterThanOrEqual(2_000);
      expect(total.runs).toBeGreaterThan(5);
      const again = await store.reconcile();
      expect(again).toMatchObject({ ghosts: 0, stale: 0, stoppedBy: 'done' });
      expect(again.checked).toBeGreaterThanOrEqual(1_960);
      const found = await Promise.all(rest.map((id) => store.find(id)));
      expect(found.every((one) => one.live && one.record.data['cart'] === 1)).toBe(true);
      expect(await Promise.all(gone.map(accepts))).toEqual(gone.map(() => false));
    }, 60_000);

    it('keeps what it did, and where it was, when a side stops answering', async () => {
      await signInMany(store, { sessions: 600, users: 600 });
      await world.postgres.query('delete from sessions');
      let isOut = false;
      let pages = 0;
      const failing = await world.openOn(({ hot }) => {
        const scan = hot.scanCopies.bind(hot);
        hot.scanCopies = async (page) => {
          if (isOut && ++pages > 1) throw new SessionStoreUnavailableError('redis', 'it went away');
          return scan(page);
        };
      });
      isOut = true;
      const first = await failing.reconcile();
      expect(first).toMatchObject({ stale: 0, stoppedBy: 'outage' });
      expect(first.ghosts).toBe(first.checked);
      expect(first.ghosts).toBeGreaterThan(100);
      expect(world.logged.at(-1)).toContain(`"outage": `);
      expect(world.logged.at(-1)).toContain(`${first.ghosts} ghosts dropped`);
      isOut = false;
      const second = await store.reconcile(first.cursor === undefined ? {} : { cursor: first.cursor });
      expect(first.ghosts + second.ghosts).toBe(600);
      expect(await world.redis.dbsize()).toBe(0);
    }, 60_000);
  });

  describe('on a schedule', () => {
    it('finds drift that nobody asked about, and ends with the store', async () => {
      const { id } = await signIn(store);
      const scheduled = await world.openStore({ reconcileInterval: '20ms' });
      await world.deleteRows([id]);
      await eventually(async () => expect(await copyOf(id)).toBeNull());
      await scheduled.stop();
      const later = await signIn(store);
      await world.deleteRows([later.id]);
      const before = world.logged.length;
      expect(await store.reconcile()).toMatchObject({ ghosts: 1 });
      expect(world.logged.slice(before)).toHaveLength(1);
    });

    it('takes a duration or false', async () => {
      for (const reconcileInterval of [true, '1 hour', '0s', 60]) {
        await expect(world.openStore({ reconcileInterval: reconcileInterval as never })).rejects.toMatchObject({
          code: 'SESSION_CONFIGURATION',
        });
      }
    });
  });
});
