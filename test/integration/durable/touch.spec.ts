import { anAuthentication, aNewSession, aTokenHash } from 'nest-sessions/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from 'nest-sessions';
import type { PostgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable-sessions.js';
import { BY_HAND, DurableScene, holdConnection, IDLE_MS, touch } from './scene.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';
import type { DurableSide, DurableWorld, SideOptions } from './world.js';

let scene: DurableScene;
let world: DurableWorld;
let durable: PostgresDurableSessions;
beforeAll(async () => {
  scene = await DurableScene.open();
  ({ world, durable } = scene);
});
afterAll(() => scene.close());

describe('a touch of the durable side', () => {
  it('without an interval tells whether the session is live, not whether it moved', async () => {
    const [live, ended, deleted] = [await scene.begin(), await scene.begin(), await scene.begin()];
    await durable.revoke({ id: ended.id, ...BY_HAND });
    await world.query('delete from sessions where id = $1', [deleted.id]);
    await world.query(
      `update sessions set last_seen_at = now() + interval '5s', expires_at = now() + interval '1 hour' where id = $1`,
      [live.id],
    );
    const touched = [live.id, ended.id, deleted.id, aNewSession().id].map((id) => touch(durable, id));
    await durable.flush();
    expect(await Promise.all(touched)).toEqual([true, false, false, false]);
    expect(await touch(durable, 'no session id')).toBe(false);
  });

  it('is not belied by another instance that was faster with a later one', async () => {
    const { durable: other } = await world.openSide({ touchFlushInterval: '10m' });
    const { id } = await scene.begin();
    const earlier = touch(durable, id);
    const later = touch(other, id);
    await other.flush();
    await durable.flush();
    expect(await Promise.all([earlier, later])).toEqual([true, true]);
  });

  it('is not belied by one with an interval that joins it', async () => {
    const { id } = await scene.begin();
    const touched = [touch(durable, id), touch(durable, id, MINUTE_MS)];
    await durable.flush();
    expect(await Promise.all(touched)).toEqual([true, true]);
    const early = touch(durable, id, MINUTE_MS);
    await durable.flush();
    expect(await early).toBe(false);
  });

  it('counts when the session expired after it and before it was written, also for one that joins later', async () => {
    const { session, touched } = await scene.expireBehindTouch();
    const late = touch(durable, session.id);
    await durable.flush();
    expect(await Promise.all([touched, late])).toEqual([true, true]);
    const { records, now } = await durable.listByUser({ userId: 'ada' });
    const record = records.find(({ id }) => id === session.id);
    expect(Number(record?.expiresAt) - now.getTime()).toBeGreaterThan(IDLE_MS - MINUTE_MS);
  });

  it('comes too late for a session that expired before it', async () => {
    const { id } = await scene.begin();
    await world.letExpireIn(id, -5);
    const touched = touch(durable, id);
    await durable.flush();
    expect([await touched, await scene.isLive(id)]).toEqual([false, false]);
  });

  it('never passes the absolute expiry, and is no sign of life after it', async () => {
    const { id } = await scene.begin({ absoluteTimeoutMs: 200 });
    const touched = touch(durable, id);
    await world.waitUntilExpired(id);
    await durable.flush();
    expect([await touched, await scene.isLive(id)]).toEqual([false, false]);
  });

  it('moves the expiry also when it is older than the last one, whose idle timeout was shorter', async () => {
    const { id } = await scene.begin({ idleTimeoutMs: MINUTE_MS });
    await world.query(`update sessions set last_seen_at = now() + interval '5s' where id = $1`, [id]);
    const touched = touch(durable, id);
    await durable.flush();
    expect(await touched).toBe(true);
    const [row] = await world.query(
      `select expires_at > now() + interval '29 min' as is_later, last_seen_at > now() as is_kept from sessions where id = $1`,
      [id],
    );
    expect(row).toEqual({ is_later: true, is_kept: true });
  });

  it('counts for a session that began with a shorter idle timeout', async () => {
    const { id } = await scene.begin({ idleTimeoutMs: MINUTE_MS });
    await world.letExpireIn(id, 100);
    const touched = touch(durable, id);
    await world.waitUntilExpired(id);
    await durable.flush();
    expect([await touched, await scene.isLive(id)]).toEqual([true, true]);
  });

  it('does not bring back what somebody let expire by hand', async () => {
    const { id } = await scene.begin();
    const touched = touch(durable, id);
    await world.query('update sessions set expires_at = clock_timestamp() where id = $1', [id]);
    await durable.flush();
    expect([await touched, await scene.isLive(id)]).toEqual([false, false]);
  });

  it('moves no session past an earlier expiry that somebody set by hand', async () => {
    const { id } = await scene.begin();
    await world.query(`update sessions set expires_at = now() + interval '1 min' where id = $1`, [id]);
    const touched = touch(durable, id);
    await durable.flush();
    expect(await touched).toBe(true);
    const rows = await world.query(
      `select expires_at < now() + interval '1 min' as kept from sessions where id = $1 and expires_at = absolute_expires_at`,
      [id],
    );
    expect(rows).toEqual([{ kept: true }]);
  });

  it('moves one as before that was authenticated anew with a shorter idle timeout', async () => {
    const { id, tokenHash } = await scene.begin();
    const authentication = {
      ...anAuthentication({ amr: ['otp'] }),
      idleTimeoutMs: MINUTE_MS,
      absoluteTimeoutMs: 2 * IDLE_MS,
    };
    const rotation = { id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' } as const;
    expect(await durable.rotate({ ...rotation, authentication })).toMatchObject({ applied: true });
    const touched = touch(durable, id);
    await durable.flush();
    expect(await touched).toBe(true);
    const found = await durable.find(id);
    expect(found.live && found.record.expiresAt.getTime() - found.now.getTime()).toBeGreaterThan(IDLE_MS - MINUTE_MS);
  });
});

describe('a touch that cannot be written', () => {
  const impatient: SideOptions = { pool: 1, touchFlushInterval: '10m', operationTimeout: '100ms' };

  /** A session seen a minute ago, and a touch of it that found no connection. */
  const failTouch = async (side: DurableSide) => {
    const { id } = await scene.begin();
    await world.query(`update sessions set last_seen_at = last_seen_at - interval '1 min' where id = $1`, [id]);
    const release = await holdConnection(side);
    const failed = touch(side.durable, id);
    await side.durable.flush();
    await expect(failed).rejects.toThrow(SessionStoreUnavailableError);
    await release();
    return id;
  };
  const isMoved = async (id: string) => {
    const rows = await world.query(`select 1 from sessions where id = $1 and last_seen_at >= created_at`, [id]);
    return rows.length > 0;
  };

  it('rejects, and still counts for a later one after the expiry', async () => {
    const side = await world.openSide(impatient);
    const { id } = await scene.begin();
    await world.letExpireIn(id, 600);
    const release = await holdConnection(side);
    const failed = touch(side.durable, id);
    await side.durable.flush();
    await expect(failed).rejects.toThrow(SessionStoreUnavailableError);
    await release();
    await world.waitUntilExpired(id);
    const elsewhere = touch(durable, id);
    await durable.flush();
    expect([await elsewhere, await scene.isLive(id)]).toEqual([false, false]);
    const later = touch(side.durable, id);
    await side.durable.flush();
    expect([await later, await scene.isLive(id)]).toEqual([true, true]);
  });

  it('is written once Postgres answers again, with nobody touching anew', async () => {
    const id = await failTouch(await world.openSide({ ...impatient, touchFlushInterval: '20ms' }));
    while (!(await isMoved(id))) await world.query('select pg_sleep(0.02)');
    expect(world.postgres.logged).toContain(
      'the activity of 1 sessions, which could not be written before, has been written',
    );
  });

  it('is written when the store stops', async () => {
    const side = await world.openSide(impatient);
    const id = await failTouch(side);
    expect(await isMoved(id)).toBe(false);
    await side.durable.stop();
    expect(await isMoved(id)).toBe(true);
  });

  it('because too many wait rejects too, instead of saying that the session is over (spring-projects/spring-session#838)', async () => {
    const { durable: side } = await world.openSide({ touchFlushInterval: '10m' });
    const { id } = await scene.begin();
    const first = touch(side, id);
    const crowd = Array.from({ length: 20_000 }, () => touch(side, aNewSession().id));
    await expect(first).rejects.toThrow('more than 20000 sessions wait');
    await side.flush();
    expect((await Promise.all(crowd)).some(Boolean)).toBe(false);
    const again = touch(side, id);
    await side.flush();
    expect(await again).toBe(true);
  });

  it('is dated by when it was asked for, however long it waited for a connection', async () => {
    const { durable: side, dataSource } = await world.openSide({ pool: 1, touchFlushInterval: '10m' });
    const { id } = await scene.begin();
    await world.letExpireIn(id, 100);
    const release = await holdConnection({ durable: side, dataSource });
    const touched = touch(side, id);
    const flushed = side.flush();
    await world.waitUntilExpired(id);
    await release();
    await flushed;
    expect([await touched, await scene.isLive(id)]).toEqual([true, true]);
  });
});
