import { beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import type { NewSession, SessionStore } from 'nest-sessions/store';
import { aNewSession, anAuthentication, aTokenHash } from 'nest-sessions/testing';
import { RedisFixture, useRedisFixture, rejection } from './fixture.js';
import { startProxy } from './proxy.js';
import { startRedisCluster } from 'local-servers/testing';
import { HOUR_MS } from '#src/testing/world/durations.js';

const PROVIDER = { issuer: 'https://idp.example', sessionId: 'sid-1' };
const LOGOUT = { ...PROVIDER, reason: 'idp-logout', endedBy: null } as const;

function aSignIn(overrides: Partial<NewSession> = {}): NewSession {
  const authentication = anAuthentication({ identityProvider: { ...PROVIDER, authenticatedAt: null } });
  return aNewSession({ userId: 'alice', ...authentication, ...overrides });
}

async function signIn(store: SessionStore, overrides: Partial<NewSession> = {}) {
  const created = await store.create(aSignIn(overrides));
  if (!created.created) throw new Error(created.reason);
  return created.record;
}

describe("the Redis store's index of providers' sessions", () => {
  const { fixture, server } = useRedisFixture();
  let store: SessionStore;
  let redis: Redis;

  beforeEach(async () => {
    redis = fixture.client();
    store = await fixture.open();
  });

  /** Returns the only index. */
  async function findIndex(): Promise<string> {
    const [key = '', ...others] = await redis.keys('*:idp:*');
    expect(others).toEqual([]);
    return key;
  }

  it('is one hash of session ids, named by a digest, and expires with the last of them', async () => {
    const [first, second] = [await signIn(store), await signIn(store)];
    const key = await findIndex();
    expect(key).toMatch(new RegExp(`^${fixture.keyPrefix}:idp:\\{[0-9a-f]{32}\\}$`));
    expect((await redis.hkeys(key)).toSorted()).toEqual([first.id, second.id].toSorted());
    await store.revokeByIdentityProvider(LOGOUT);
    expect(await redis.dbsize()).toBe(0);
  });

  it('is not written for a session without a session there', async () => {
    await signIn(
      store,
      anAuthentication({ identityProvider: { ...PROVIDER, sessionId: null, authenticatedAt: null } }),
    );
    await signIn(store, anAuthentication());
    expect(await redis.keys('*:idp:*')).toEqual([]);
  });

  it('outlives all of its sessions, also after a reauthentication, and is never shortened', async () => {
    const record = await signIn(store, { absoluteTimeoutMs: 12 * HOUR_MS });
    const key = await findIndex();
    const expiryMs = async () => Number(await redis.call('PEXPIRETIME', key));
    expect(await expiryMs()).toBeGreaterThan(record.absoluteExpiresAt.getTime());
    const reauthenticate = (expectedTokenHash: Uint8Array, absoluteTimeoutMs: number) => {
      const tokenHash = aTokenHash();
      const authentication = { ...aSignIn(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs };
      return store.rotate({ id: record.id, expectedTokenHash, tokenHash, cause: 'rotation', authentication });
    };
    const longer = await reauthenticate(record.tokenHash, 48 * HOUR_MS);
    if (!longer.applied) throw new Error(longer.reason);
    const latestMs = await expiryMs();
    expect(latestMs).toBeGreaterThan(longer.record.absoluteExpiresAt.getTime());
    expect(await reauthenticate(longer.record.tokenHash, HOUR_MS)).toMatchObject({ applied: true });
    await signIn(store, { absoluteTimeoutMs: HOUR_MS });
    expect(await expiryMs()).toBe(latestMs);
    expect(Number(await redis.hget(key, record.id))).toBe(latestMs);
  });

  it('keeps the entry of a creation in progress, so that the next revocation finds it', async () => {
    await signIn(store);
    const key = await findIndex();
    const onItsWay = aSignIn();
    await redis.hset(key, onItsWay.id, String(Date.now() + HOUR_MS));
    expect(await store.revokeByIdentityProvider(LOGOUT)).toHaveLength(1);
    expect(await store.create(onItsWay)).toMatchObject({ created: true });
    expect(await redis.hkeys(key)).toEqual([onItsWay.id]);
    expect(await store.revokeByIdentityProvider(LOGOUT)).toMatchObject([{ id: onItsWay.id }]);
  });

  it('loses expired entries as new ones come, a part of many at a time', async () => {
    await signIn(store);
    const key = await findIndex();
    const old = Array.from({ length: 1_000 }, () => [aNewSession().id, '1']).flat();
    await redis.hset(key, ...old);
    for (let index = 0; index < 200; index++) await signIn(store, { userId: `user-${index}` });
    expect(await redis.hlen(key)).toBe(201);
  });

  it("never ends a session whose record names another provider's session", async () => {
    const other = await signIn(
      store,
      anAuthentication({
        identityProvider: { issuer: 'https://other.example', sessionId: 'sid-1', authenticatedAt: null },
      }),
    );
    const otherKey = await findIndex();
    await signIn(store);
    const key = (await redis.keys('*:idp:*')).find((one) => one !== otherKey) ?? '';
    await redis.hset(key, other.id, String(Date.now() + HOUR_MS));
    expect(await store.revokeByIdentityProvider(LOGOUT)).toHaveLength(1);
    expect(await store.find(other.id)).toMatchObject({ live: true });
  });

  it('ends an indexed session that cannot be decoded, and logs it', async () => {
    const { id } = await signIn(store);
    await redis.hset(fixture.keyOf(id), id, '2|of another time');
    expect(await store.revokeByIdentityProvider(LOGOUT)).toEqual([]);
    expect(await redis.hexists(fixture.keyOf(id), id)).toBe(0);
    expect(fixture.logger.warnings.join()).toContain(id);
  });

  it('is written before the session: when it cannot be written, no session is created (I8)', async () => {
    const session = aSignIn();
    await redis.call(
      'ACL',
      'SETUSER',
      'limited',
      'on',
      '>secret',
      '+@all',
      `~${fixture.keyPrefix}:{*`,
      `~${fixture.keyPrefix}:floor`,
    );
    const limited = fixture.client({ username: 'limited', password: 'secret' });
    const restricted = await fixture.open({ client: limited });
    const { error } = await rejection(() => restricted.create(session));
    expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    expect(await store.find(session.id)).toEqual({ live: false, reason: 'unknown' });
  });

  it('a revocation past its deadline ends no session that began later (redis/ioredis#2130)', async () => {
    const earlier = await signIn(store);
    const proxy = await startProxy(server.port);
    const client = new Redis(proxy.url);
    const slow = await fixture.open({ client, operationTimeout: '200ms' });
    proxy.requests.hold();
    const { error } = await rejection(() => slow.revokeByIdentityProvider(LOGOUT));
    expect(error).toMatchObject({ message: expect.stringContaining('no answer within') });
    const later = await signIn(store);
    proxy.requests.release();
    // One round trip for the late command and one for each command that its answer could cause.
    for (let trip = 0; trip < 5; trip++) await client.ping();
    for (const { id } of [earlier, later]) expect(await store.find(id)).toMatchObject({ live: true });
    await slow.stop();
    client.disconnect();
    await proxy.close();
  });
});

it('on a Cluster, ends the sessions of a provider on every master', async () => {
  const cluster = await startRedisCluster();
  const client = new Cluster(cluster.nodes.map(({ host, port }) => ({ host, port })));
  const fixture = new RedisFixture({ url: '' });
  const store = await fixture.open({ client });
  const records = [];
  for (let index = 0; index < 20; index++) records.push(await signIn(store, { userId: `user ${index}` }));
  const stranger = await signIn(store, anAuthentication());
  const ended = await store.revokeByIdentityProvider(LOGOUT);
  expect(ended.map(({ id }) => id).toSorted()).toEqual(records.map(({ id }) => id).toSorted());
  for (const { id } of records) expect(await store.find(id)).toMatchObject({ live: false });
  expect(await store.find(stranger.id)).toMatchObject({ live: true });
  await fixture.close();
  client.disconnect();
  await cluster.stop();
});
