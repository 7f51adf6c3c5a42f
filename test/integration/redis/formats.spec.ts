import { anAuthentication, aNewSession, aTokenHash } from 'nest-sessions/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import type { SessionStore } from 'nest-sessions/store';
import { useRedisFixture } from './fixture.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

describe('values in Redis that the store did not write', () => {
  const { fixture } = useRedisFixture();
  let store: SessionStore;
  let redis: Redis;

  beforeEach(async () => {
    store = await fixture.open();
    redis = fixture.client();
  });

  async function create(userId = 'alice') {
    const session = aNewSession({ userId, data: { a: 1 } });
    await store.create(session);
    return { ...session, key: fixture.keyOf(session.id) };
  }

  const headerOf = async (key: string, id: string) => String(await redis.hget(key, id));

  const spoilt: [string, (record: string, activity: string) => [string | null, string | null]][] = [
    ['an empty record', (_record, activity) => ['', activity]],
    ['an empty JSON object', (_record, activity) => ['{}', activity]],
    ['a record cut short', (record, activity) => [record.slice(0, 120), activity]],
    ['a record without data', (record, activity) => [record.slice(0, record.lastIndexOf('\n')), activity]],
    ['details that are no object', (record, activity) => [record.replace(/\n\{"ip[^\n]*\n/, '\n7\n'), activity]],
    ['amr that is no array', (record, activity) => [record.replace('["pwd"]', '"pwd"'), activity]],
    ['amr with a number', (record, activity) => [record.replace('["pwd"]', '[7]'), activity]],
    ['a token hash of another length', (record, activity) => [record.replace(/^1\|1\|[^|]+/, '1|1|AAAA'), activity]],
    ['an instant that is none', (record, activity) => [record.replace(/\|\d{13}\|/, '|99999999999999999|'), activity]],
    ['a version that is no number', (record, activity) => [record.replace('1|1|', '1|x|'), activity]],
    ['a format of the future', (record, activity) => [record.replace('1|', '2|'), activity]],
    ['binary', (_record, activity) => ['\u0000\u0001\uFFFD', activity]],
    ['no activity', (record) => [record, null]],
    ['activity that is none', (record) => [record, 'soon']],
  ];

  describe.each(spoilt)('%s (spring-projects/spring-session#280)', (_name, spoil) => {
    async function createSpoilt() {
      const session = await create();
      const [record, activity] = await redis.hmget(session.key, session.id, `${session.id}:t`);
      const [spoiltRecord, spoiltActivity] = spoil(record ?? '', activity ?? '');
      await redis.hset(session.key, session.id, spoiltRecord ?? '');
      if (spoiltActivity === null) await redis.hdel(session.key, `${session.id}:t`);
      else await redis.hset(session.key, `${session.id}:t`, spoiltActivity);
      return session;
    }

    it('is undecodable but no error, accepts no write, and hides no other session', async () => {
      const { id, tokenHash } = await createSpoilt();
      const healthy = await create();
      expect(await store.find(id)).toEqual({ live: false, reason: 'undecodable' });
      expect(await store.update({ id, expectedVersion: 1, data: {} })).toEqual({ applied: false, reason: 'absent' });
      const rotation = { id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' } as const;
      expect((await store.rotate({ ...rotation, expectedTokenHash: aTokenHash() })).applied).toBe(false);
      const { records } = await store.listByUser({ userId: 'alice' });
      expect(records.map((record) => record.id)).toEqual([healthy.id]);
      expect(fixture.logger.warnings.at(-1)).toContain(id);
      expect(await redis.pttl(fixture.keyOf(id))).toBeGreaterThan(0);
    });

    it('is dropped by revoke and revokeAll, since a newer version might accept it', async () => {
      const { id, key } = await createSpoilt();
      await store.revoke({ id, userId: 'alice', reason: 'undecodable', endedBy: null });
      expect(await redis.hexists(key, id)).toBe(0);
      const second = await createSpoilt();
      await store.revokeAll({ userId: 'alice', reason: 'revoked', endedBy: null });
      expect(await redis.exists(second.key)).toBe(0);
    });
  });

  it.each(['', '[1]', 'null', '{"a":1}}', '{"a"'])(
    'data %j is undecodable, until an update replaces it whole',
    async (data) => {
      const { id, key } = await create();
      await redis.hset(key, id, (await headerOf(key, id)).replace('{"a":1}', data));
      expect(await store.find(id)).toEqual({ live: false, reason: 'undecodable' });
      expect((await store.listByUser({ userId: 'alice' })).records).toEqual([]);
      expect(await store.update({ id, expectedVersion: 7, data: {} })).toEqual({ applied: false, reason: 'absent' });
      expect(await store.update({ id, expectedVersion: 1, data: { b: 2 } })).toMatchObject({ applied: true });
      expect(await store.find(id)).toMatchObject({ live: true, record: { data: { b: 2 } } });
    },
  );

  it("keeps another user's unreadable session when a user revokes its id", async () => {
    const { id, key } = await create();
    await redis.hset(key, id, '{}');
    await store.revoke({ id, userId: 'mallory', reason: 'revoked', endedBy: null });
    expect(await redis.hexists(key, id)).toBe(1);
  });

  it('keeps additions of a later version to a record through every write (spring-projects/spring-session#280)', async () => {
    const { id, key, tokenHash } = await create();
    const [header = '', details = '', ...lines] = (await headerOf(key, id)).split('\n');
    const withMore = details.replace('}', ',"country":"IS"}');
    await redis.hset(key, id, [`${header}|more|parts`, withMore, ...lines, 'another line', 'and one'].join('\n'));
    expect(await store.find(id)).toMatchObject({ live: true, record: { data: { a: 1 } } });
    expect(await store.update({ id, expectedVersion: 1, data: { b: 2 } })).toMatchObject({ applied: true });
    const authentication = {
      ...anAuthentication({ amr: ['otp'] }),
      idleTimeoutMs: MINUTE_MS,
      absoluteTimeoutMs: MINUTE_MS,
    };
    const rotation = {
      id,
      expectedTokenHash: tokenHash,
      tokenHash: aTokenHash(),
      cause: 'rotation',
      authentication,
    } as const;
    expect(await store.rotate(rotation)).toMatchObject({ applied: true, record: { amr: ['otp'], data: { b: 2 } } });
    const after = (await headerOf(key, id)).split('\n');
    expect(after[0]).toMatch(/^1\|3\|.*\|more\|parts$/);
    expect(after.slice(1)).toEqual([withMore, '{"amr":["otp"],"aal":"aal1"}', '{"b":2}', 'another line', 'and one']);
  });

  it('never shortens the lifetime of a session that a later version wrote', async () => {
    const { id, key } = await create();
    await redis.hset(key, id, (await headerOf(key, id)).replace('1|', '2|'), `${id}:t`, 'in a format of the future');
    const expiryMs = await redis.call('PEXPIRETIME', key);
    const session = aNewSession({ userId: 'alice', idleTimeoutMs: 1000 });
    await store.create({ ...session, limit: { max: 5, onLimit: 'reject' } });
    await store.create(aNewSession({ userId: 'alice', idleTimeoutMs: 1000 }));
    await store.touch({ id: session.id, idleTimeoutMs: 1000, touchIntervalMs: 0 });
    await store.listByUser({ userId: 'alice' });
    await store.revoke({ id: session.id, reason: 'logout', endedBy: null });
    expect(await redis.call('PEXPIRETIME', key)).toBe(expiryMs);
    expect(await redis.hexists(key, id)).toBe(1);
  });

  it('finds no session under a key of another type, and cannot create one there', async () => {
    const { id, userId } = aNewSession({ userId: 'bob' });
    await redis.set(fixture.keyOf(id), 'a string');
    expect(await store.find(id)).toEqual({ live: false, reason: 'undecodable' });
    await expect(store.create(aNewSession({ userId }))).rejects.toMatchObject({
      code: 'SESSION_STORE_UNAVAILABLE',
      message: expect.stringContaining('WRONGTYPE'),
    });
    expect(await redis.get(fixture.keyOf(id))).toBe('a string');
  });

  it('treats sessions under a key of another type as absent in every other write, and logs it once', async () => {
    const { id, tokenHash } = aNewSession({ userId: 'bob' });
    const key = fixture.keyOf(id);
    await redis.set(key, 'a string');
    const end = { reason: 'logout', endedBy: null } as const;
    expect(await store.touch({ id, idleTimeoutMs: 1000, touchIntervalMs: 0 })).toBe(false);
    expect(await store.update({ id, expectedVersion: 1, data: {} })).toEqual({ applied: false, reason: 'absent' });
    const rotation = { id, expectedTokenHash: tokenHash, tokenHash, cause: 'rotation' } as const;
    expect(await store.rotate(rotation)).toEqual({ applied: false, reason: 'absent' });
    expect(await store.revoke({ id, ...end })).toBeUndefined();
    expect(await store.revokeAll({ userId: 'bob', ...end })).toEqual([]);
    expect(await store.listByUser({ userId: 'bob' })).toMatchObject({ records: [], now: expect.any(Date) });
    expect(await store.find(id)).toEqual({ live: false, reason: 'undecodable' });
    const said = fixture.logger.warnings.filter((line) => line.includes(key));
    expect(said).toEqual([expect.stringContaining(`the key ${key} holds no hash (WRONGTYPE)`)]);
    expect(await redis.get(key)).toBe('a string');
  });

  it('treats foreign ids as unknown', async () => {
    for (const id of ['', 'x', '*', '../..', '{}', '0'.repeat(36), '💥']) {
      expect(await store.find(id)).toEqual({ live: false, reason: 'unknown' });
      expect(await store.revoke({ id, reason: 'logout', endedBy: null })).toBeUndefined();
    }
    expect(await redis.dbsize()).toBe(0);
  });
});
