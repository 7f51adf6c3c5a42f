import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PostgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable-sessions.js';
import { aNewSession, anAuthentication } from 'nest-sessions/testing';
import { BY_HAND, DurableScene, holdConnection, touch } from './scene.js';
import type { DurableWorld } from './world.js';

let scene: DurableScene;
let world: DurableWorld;
let durable: PostgresDurableSessions;
beforeAll(async () => {
  scene = await DurableScene.open();
  ({ world, durable } = scene);
});
afterAll(() => scene.close());

describe('what ends sessions while a touch from before their expiry is on its way', () => {
  it('revoke: ends it for good, as expired', async () => {
    const { session, touched } = await scene.expireBehindTouch();
    expect(await durable.revoke({ id: session.id, ...BY_HAND })).toBeUndefined();
    await durable.flush();
    expect([await touched, await scene.isLive(session.id)]).toEqual([false, false]);
    expect(await scene.listEnds(session.id)).toEqual([['expired', null]]);
    expect(await world.takeChanges()).toEqual([`ended ${session.id}`]);
  });

  it('revoke for another user: leaves it alone', async () => {
    const { session, touched } = await scene.expireBehindTouch();
    expect(await durable.revoke({ id: session.id, userId: 'grace', ...BY_HAND })).toBeUndefined();
    await durable.flush();
    expect([await touched, await scene.isLive(session.id)]).toEqual([true, true]);
  });

  it('revokeAll: ends it for good, and tells only of the live ones', async () => {
    const live = await scene.begin({ userId: 'all' });
    const { session, touched } = await scene.expireBehindTouch({ userId: 'all' });
    const ended = await durable.revokeAll({ userId: 'all', ...BY_HAND });
    expect(ended).toEqual([
      { id: live.id, userId: 'all', endedAt: expect.any(Date), endReason: 'revoked', endedBy: 'ada' },
    ]);
    await durable.flush();
    expect([await touched, await scene.isLive(session.id)]).toEqual([false, false]);
    expect([await scene.listEnds(session.id), await scene.listEnds(live.id)]).toEqual([
      [['expired', null]],
      [['revoked', 'ada']],
    ]);
  });

  it('revokeByIdentityProvider: ends it for good, and tells only of the live ones that are old enough', async () => {
    const provider = { issuer: 'https://idp.example', sessionId: 'ends' };
    const authentication = anAuthentication({ identityProvider: { ...provider, authenticatedAt: null } });
    const { session, touched } = await scene.expireBehindTouch({ ...authentication });
    const live = await scene.begin({ ...authentication });
    const revocation = { ...provider, reason: 'idp-logout', endedBy: null } as const;
    expect(await durable.revokeByIdentityProvider({ ...revocation, minAgeMs: 3_600_000 })).toEqual([]);
    expect(await scene.isLive(live.id)).toBe(true);
    expect(await durable.revokeByIdentityProvider(revocation)).toMatchObject([{ id: live.id }]);
    await durable.flush();
    expect([await touched, await scene.isLive(session.id)]).toEqual([false, false]);
    expect([await scene.listEnds(session.id), await scene.listEnds(live.id)]).toEqual([
      [['expired', null]],
      [['idp-logout', null]],
    ]);
    const changes = [session.id, live.id].toSorted().map((id) => `ended ${id}`);
    expect(await world.takeChanges()).toEqual(expect.arrayContaining(changes));
  });

  it('create in its place: ends it for good, and does not tell of it', async () => {
    const { session, touched } = await scene.expireBehindTouch({ userId: null });
    const created = await durable.create(aNewSession({ userId: 'ada', replaces: session.id }));
    expect(created).toMatchObject({ created: true, ended: [] });
    await durable.flush();
    expect([await touched, await scene.isLive(session.id)]).toEqual([false, false]);
    expect(await scene.listEnds(session.id)).toEqual([['expired', null]]);
  });

  it.each(['revoke-oldest', 'reject'] as const)(
    'create with a limit, %s: ends it, so that the limit holds (I6)',
    async (onLimit) => {
      const userId = `limited-${onLimit}`;
      const { session, touched } = await scene.expireBehindTouch({ userId });
      const created = await durable.create(aNewSession({ userId, limit: { max: 1, onLimit } }));
      expect(created).toMatchObject({ created: true, ended: [] });
      await durable.flush();
      expect([await touched, await scene.isLive(session.id)]).toEqual([false, false]);
      expect((await durable.listByUser({ userId })).records).toHaveLength(1);
    },
  );

  it('all of them at the same moment as the flush: either it was moved and ended, or ended and not moved', async () => {
    for (let round = 0; round < 25; round++) {
      const userId = `race-${round}`;
      const expired = await Promise.all([1, 2, 3, 4].map(() => scene.begin({ userId })));
      await Promise.all(expired.map(({ id }) => world.letExpireIn(id, 40)));
      const touched = expired.map(({ id }) => touch(durable, id));
      await Promise.all(expired.map(({ id }) => world.waitUntilExpired(id)));
      const [one, two] = expired;
      const flushed = durable.flush();
      const created = durable.create(aNewSession({ userId, limit: { max: 1, onLimit: 'revoke-oldest' } }));
      const revoked = durable.revoke({ id: one?.id ?? '', ...BY_HAND });
      const replaced = durable.create(aNewSession({ replaces: two?.id }));
      const outcomes = await Promise.all([created, flushed, revoked, replaced]);
      await Promise.all(touched);
      const { records } = await durable.listByUser({ userId });
      expect(records.map(({ id }) => id)).toEqual([outcomes[0].created && outcomes[0].record.id]);
      for (const { id } of expired) expect(await scene.listEnds(id)).toHaveLength(1);
    }
  });
});

describe('cleanup of the durable side', () => {
  it('ends what has been expired for a minute, and nothing that expired just now', async () => {
    const { durable: side } = await world.openSide();
    const [recent, old] = [await scene.begin(), await scene.begin()];
    await world.letExpireIn(recent.id, -50_000);
    await world.letExpireIn(old.id, -70_000);
    await side.cleanUp({ batchSize: 100 });
    expect(await durable.find(recent.id)).toEqual({ live: false, reason: 'expired' });
    expect(await durable.find(old.id)).toEqual({ live: false, reason: 'ended' });
  });

  it.each([
    [{ touchFlushInterval: '10s' }, -90_000, 'expired'],
    [{ touchFlushInterval: '10s' }, -110_000, 'ended'],
    [{ expiryMargin: '10s' }, -9_000, 'expired'],
    [{ expiryMargin: '10s' }, -15_000, 'ended'],
  ] as const)('with %j leaves one that expired %d ms ago as %s', async (options, leftMs, reason) => {
    const { durable: side } = await world.openSide(options);
    const { id } = await scene.begin();
    await world.letExpireIn(id, leftMs);
    await side.cleanUp({ batchSize: 100 });
    expect(await durable.find(id)).toEqual({ live: false, reason });
  });
});

describe('revokeAll with a least age', () => {
  it('spares what began since, also while it waited for a connection', async () => {
    const { durable: side, dataSource } = await world.openSide({ pool: 1, operationTimeout: '10s' });
    const [old, young] = [await scene.begin({ userId: 'aged' }), await scene.begin({ userId: 'aged' })];
    await world.query(`update sessions set created_at = created_at - interval '1 min' where id = $1`, [old.id]);
    const release = await holdConnection({ durable: side, dataSource });
    const revoked = side.revokeAll({ userId: 'aged', minAgeMs: 30_000, ...BY_HAND });
    await release();
    expect((await revoked).map(({ id }) => id)).toEqual([old.id]);
    const hold = await holdConnection({ durable: side, dataSource });
    const waiting = side.revokeAll({ userId: 'aged', minAgeMs: 1, ...BY_HAND });
    await world.query('select pg_sleep(0.25)');
    const youngest = await scene.begin({ userId: 'aged' });
    await world.query('select pg_sleep(0.25)');
    await hold();
    expect((await waiting).map(({ id }) => id)).toEqual([young.id]);
    expect(await scene.isLive(youngest.id)).toBe(true);
    expect((await side.revokeAll({ userId: 'aged', ...BY_HAND })).map(({ id }) => id)).toEqual([youngest.id]);
  });
});
