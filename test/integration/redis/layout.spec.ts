import { countCalls } from '../../support/redis-probes.js';
import { anAuthentication, aNewSession, aTokenHash, anIdLike } from 'nest-sessions/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SessionStore } from 'nest-sessions/store';
import { useRedisFixture } from './fixture.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const ms = (date: Date) => String(date.getTime());

describe('the layout in Redis', () => {
  const { fixture } = useRedisFixture();
  let store: SessionStore;
  let redis: Redis;

  beforeEach(async () => {
    store = await fixture.open();
    redis = fixture.client();
  });

  async function create(overrides: Parameters<typeof aNewSession>[0] = {}) {
    const session = aNewSession({ userId: 'alice', ...overrides });
    const outcome = await store.create(session);
    if (!outcome.created) throw new Error(outcome.reason);
    return { ...outcome, id: session.id, tokenHash: session.tokenHash, key: fixture.keyOf(session.id) };
  }

  const expiryMsOf = (key: string) => redis.call('PEXPIRETIME', key);

  it('the generated module has the scripts of the .lua files', () => {
    const script = fileURLToPath(new URL('../../../scripts/generate-lua.mjs', import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  describe('layout', () => {
    it('is one hash per user with two fields per session, and no other key', async () => {
      const [first, second] = [await create({ data: { cart: ['a'] } }), await create()];
      const anonymous = await create({ userId: null });
      expect((await redis.keys('*')).toSorted()).toEqual([first.key, anonymous.key].toSorted());
      expect(second.key).toBe(first.key);
      const fields = await redis.hkeys(first.key);
      expect(fields.toSorted()).toEqual([first, second].flatMap(({ id }) => [id, `${id}:t`]).toSorted());
    });

    it('holds the record as a header and three lines of JSON, activity apart (design 5)', async () => {
      const { id, key, tokenHash, record } = await create({
        data: { cart: ['ä|'] },
        device: 'desk',
        amr: ['pwd', 'otp'],
      });
      const hash = Buffer.from(tokenHash).toString('base64url');
      const user = Buffer.from('alice').toString('base64url');
      const [header, details, amr, data, ...more] = String(await redis.hget(key, id)).split('\n');
      expect(header).toBe(
        `1|1|${hash}|${ms(record.createdAt)}|${ms(record.absoluteExpiresAt)}|${ms(record.createdAt)}|${user}|`,
      );
      expect(JSON.parse(details ?? '')).toEqual({ ip: record.ipAddress, ua: record.userAgent, device: 'desk' });
      expect([amr, data, more]).toEqual(['{"amr":["pwd","otp"],"aal":"aal1"}', '{"cart":["ä|"]}', []]);
      expect(await redis.hget(key, `${id}:t`)).toBe(`${ms(record.lastSeenAt)}|${ms(record.expiresAt)}`);
    });

    it('leaves nothing when the last session ends', async () => {
      const { id } = await create();
      await create();
      await store.revoke({ id, reason: 'logout', endedBy: null });
      await store.revokeAll({ userId: 'alice', reason: 'logout', endedBy: null });
      expect(await redis.dbsize()).toBe(0);
    });

    it('removes every field of a session, a lease included', async () => {
      const { id, key } = await create();
      const other = await create();
      await redis.hset(key, `${id}:l`, 'lease');
      await store.revoke({ id, reason: 'logout', endedBy: null });
      expect((await redis.hkeys(key)).toSorted()).toEqual([other.id, `${other.id}:t`]);
    });
  });

  describe('key expiry (better-auth/better-auth#10992)', () => {
    it('is the latest expiry inside, whatever happens to the sessions', async () => {
      const short = await create({ idleTimeoutMs: 5 * MINUTE_MS });
      expect(await expiryMsOf(short.key)).toBe(short.record.expiresAt.getTime());
      const long = await create({ idleTimeoutMs: 60 * MINUTE_MS });
      expect(await expiryMsOf(short.key)).toBe(long.record.expiresAt.getTime());
      await store.touch({ id: short.id, idleTimeoutMs: 5 * MINUTE_MS, touchIntervalMs: 0 });
      expect(await expiryMsOf(short.key)).toBe(long.record.expiresAt.getTime());
      await store.revoke({ id: long.id, reason: 'logout', endedBy: null });
      const found = await store.find(short.id);
      expect(await expiryMsOf(short.key)).toBe(found.live && found.record.expiresAt.getTime());
    });

    it('moves out with a touch and with a reauthentication', async () => {
      const { id, key, tokenHash } = await create({ idleTimeoutMs: MINUTE_MS });
      await store.touch({ id, idleTimeoutMs: 10 * MINUTE_MS, touchIntervalMs: 0 });
      const touched = await store.find(id);
      expect(await expiryMsOf(key)).toBe(touched.live && touched.record.expiresAt.getTime());
      const authentication = {
        ...anAuthentication({ amr: ['otp'] }),
        idleTimeoutMs: 30 * MINUTE_MS,
        absoluteTimeoutMs: 90 * MINUTE_MS,
      };
      const rotated = await store.rotate({
        id,
        expectedTokenHash: tokenHash,
        tokenHash: aTokenHash(),
        cause: 'rotation',
        authentication,
      });
      expect(await expiryMsOf(key)).toBe(rotated.applied && rotated.record.expiresAt.getTime());
    });

    it('is never missing or in the past, with timeouts of any length', async () => {
      const timeouts = [1, 2, 3, 10, 999, 1000, 1001, 2 ** 31, 400 * 365 * 24 * 60 * MINUTE_MS];
      for (const idleTimeoutMs of timeouts) {
        for (const absoluteTimeoutMs of timeouts)
          await create({ userId: `${idleTimeoutMs}-${absoluteTimeoutMs}`, idleTimeoutMs, absoluteTimeoutMs });
      }
      const expiries = await Promise.all((await redis.keys('*')).map((key) => redis.pttl(key)));
      expect(expiries.length).toBeGreaterThan(0);
      expect(expiries.filter((ttl) => ttl === -1)).toEqual([]);
    });

    it('removes the sessions of an absent user without any cleanup (DefectDojo/django-DefectDojo#11770, spring-projects/spring-session#2230)', async () => {
      for (let i = 0; i < 50; i++) await create({ idleTimeoutMs: 40 });
      const { record } = await create({ idleTimeoutMs: 60 });
      expect(await redis.dbsize()).toBe(1);
      while ((await redis.dbsize()) > 0) await redis.ping();
      const [seconds, microseconds] = await redis.time();
      expect(Number(seconds) * 1000 + Number(microseconds) / 1000).toBeGreaterThanOrEqual(record.expiresAt.getTime());
      expect(await store.cleanUp({ batchSize: 10 })).toEqual({ expired: 0, purged: 0, auditPurged: 0, state: 'done' });
    });
  });

  describe('expired fields of a user who comes back (spring-projects/spring-session#2230)', () => {
    async function withExpired() {
      const lasting = await create();
      const expired = await create({ idleTimeoutMs: 1 });
      // By the server's clock: the store's estimate may be some ms ahead.
      const [, expiresAt] = String(await redis.hget(lasting.key, `${expired.id}:t`)).split('|');
      await expectEventually(async () => {
        const [seconds, microseconds] = await redis.time();
        return Number(seconds) * 1_000 + Number(microseconds) / 1_000 > Number(expiresAt);
      });
      expect(await redis.hexists(lasting.key, expired.id)).toBe(1);
      return lasting;
    }

    async function expectEventually(isTrue: () => Promise<boolean>) {
      while (!(await isTrue())) await redis.ping();
    }

    it.each<[string, (id: string) => Promise<unknown>, number]>([
      ['create', () => create(), 4],
      ['touch', (id) => store.touch({ id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: 0 }), 2],
      ['list', () => store.listByUser({ userId: 'alice' }), 2],
      ['revokeAll', (id) => store.revokeAll({ userId: 'alice', exceptId: id, reason: 'logout', endedBy: null }), 2],
    ])('are dropped by the next %s', async (_name, act, fieldsLeft) => {
      const { id, key } = await withExpired();
      await act(id);
      expect(await redis.hlen(key)).toBe(fieldsLeft);
      expect((await store.find(id)).live).toBe(true);
    });

    it('do not pile up for a user who signs in frequently', async () => {
      const { id, key } = await create();
      for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 100 }, () => create({ idleTimeoutMs: 1 })));
      expect(await redis.hlen(key)).toBeLessThan(400);
      expect((await store.find(id)).live).toBe(true);
    });

    it('stay untouched by find, which writes nothing', async () => {
      const { id, key } = await withExpired();
      await store.find(id);
      expect(await redis.hlen(key)).toBe(4);
    });
  });

  describe('cost', () => {
    it('is one HMGET for a find and no write, and one HGET of the cutoff a second for all of them', async () => {
      const { id } = await create();
      await redis.config('RESETSTAT');
      const startedAtMs = performance.now();
      for (let i = 0; i < 100; i++) await store.find(id);
      const seconds = (performance.now() - startedAtMs) / 1_000;
      const stats = await redis.info('commandstats');
      const calls = new Map(
        [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, n]) => [name, Number(n)]),
      );
      const counted = [...calls.keys()].filter((name) => !/^(config|info|ping)/.test(String(name)));
      expect(counted.filter((name) => name !== 'hget')).toEqual(['hmget']);
      expect(calls.get('hmget')).toBe(100);
      // The lease lasts a second and may be renewed a little early.
      expect(calls.get('hget') ?? 0).toBeLessThanOrEqual(1 + 2 * Math.ceil(seconds));
    });

    it('is one write an interval, for any number of touches from two instances (expressjs/session#891)', async () => {
      const other = await fixture.open();
      const { id, key, record } = await create();
      await redis.hset(key, `${id}:t`, `${record.lastSeenAt.getTime() - 2 * MINUTE_MS}|${record.expiresAt.getTime()}`);
      await redis.config('RESETSTAT');
      const touch = { id, idleTimeoutMs: 60 * MINUTE_MS, touchIntervalMs: MINUTE_MS };
      const moved = await Promise.all(Array.from({ length: 1000 }, (_, i) => (i % 2 ? store : other).touch(touch)));
      expect(moved.filter(Boolean)).toHaveLength(1);
      expect(await countCalls(redis, 'hset')).toBe(1);
    });
  });

  describe('two users with the same reference', () => {
    it('are kept apart by their ids in every bulk operation', async () => {
      const alice = await create();
      const mallory = aNewSession({ userId: 'mallory', id: anIdLike(alice.id) });
      await store.create({ ...mallory, limit: { max: 1, onLimit: 'revoke-oldest' } });
      const listed = await store.listByUser({ userId: 'alice' });
      expect(listed.records.map(({ id }) => id)).toEqual([alice.id]);
      expect(await store.revoke({ id: mallory.id, userId: 'alice', reason: 'revoked', endedBy: null })).toBeUndefined();
      const ended = await store.revokeAll({ userId: 'alice', reason: 'revoked', endedBy: null });
      expect(ended.map(({ id }) => id)).toEqual([alice.id]);
      expect(await store.find(mallory.id)).toMatchObject({ live: true, record: { userId: 'mallory' } });
    });
  });

  describe('a user with 1000 sessions', () => {
    it('is listed, limited and revoked as a whole within the default deadline', async () => {
      const sessions = await Promise.all(
        Array.from({ length: 1000 }, () => create({ data: { text: 'x'.repeat(500) } })),
      );
      const [first] = sessions;
      if (!first) throw new Error('no session');
      const bounded = await fixture.open({ operationTimeout: '500ms' });
      expect((await bounded.listByUser({ userId: 'alice' })).records).toHaveLength(1000);
      expect(await bounded.touch({ id: first.id, idleTimeoutMs: 120 * MINUTE_MS, touchIntervalMs: 0 })).toBe(true);
      const touched = await store.find(first.id);
      expect(await expiryMsOf(first.key)).toBe(touched.live && touched.record.expiresAt.getTime());
      const limit = { max: 10, onLimit: 'revoke-oldest' } as const;
      const created = await bounded.create(aNewSession({ userId: 'alice', limit }));
      expect(created.created && created.ended.length).toBe(991);
      expect(await redis.hlen(first.key)).toBe(20);
      expect(await bounded.revokeAll({ userId: 'alice', reason: 'logout', endedBy: null })).toHaveLength(10);
      expect(await redis.dbsize()).toBe(0);
    });
  });
});
