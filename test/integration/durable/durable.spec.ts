import { anAuthentication, aNewSession, aTokenHash } from 'nest-sessions/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { PostgresDurableSessions } from '#src/stores/postgres/durable/postgres-durable-sessions.js';
import { BY_HAND, DurableScene, touch } from './scene.js';
import { DurableWorld } from './world.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

const ABSENT = { live: false, reason: 'unknown' } as const;

let scene: DurableScene;
let world: DurableWorld;
let durable: PostgresDurableSessions;
beforeAll(async () => {
  scene = await DurableScene.open();
  ({ world, durable } = scene);
});
afterAll(() => scene.close());

describe('the changes that hot copies have to follow', () => {
  beforeEach(async () => {
    await world.takeChanges();
  });

  it('are recorded by every end of ours, in the transaction that makes it', async () => {
    const [one, two, three, four] = [
      await scene.begin(),
      await scene.begin(),
      await scene.begin(),
      await scene.begin(),
    ];
    expect(await world.takeChanges()).toEqual([]);
    await durable.revoke({ id: one.id, ...BY_HAND });
    await durable.revoke({ id: one.id, ...BY_HAND });
    expect(await world.takeChanges()).toEqual([`ended ${one.id}`]);
    const next = await scene.begin({ userId: 'ada', replaces: two.id, limit: { max: 2, onLimit: 'revoke-oldest' } });
    expect(await world.takeChanges()).toEqual([`ended ${two.id}`, `ended ${three.id}`]);
    await durable.revokeAll({ userId: 'ada', exceptId: next.id, ...BY_HAND });
    expect(await world.takeChanges()).toEqual([`ended ${four.id}`]);
    await world.letExpireIn(next.id, -HOUR_MS * 2);
    expect(await durable.cleanUp({ batchSize: 10 })).toMatchObject({ expired: 1 });
    expect(await world.takeChanges()).toEqual([`ended ${next.id}`]);
  });

  it('are recorded by every new token hash', async () => {
    const { id, tokenHash } = await scene.begin();
    const [second, third, fourth] = [aTokenHash(), aTokenHash(), aTokenHash()];
    await durable.rotate({ id, expectedTokenHash: tokenHash, tokenHash: second, cause: 'rotation' });
    await durable.rotate({ id, expectedTokenHash: second, tokenHash: third, cause: 'rehash' });
    const authentication = {
      ...anAuthentication({ amr: ['otp'] }),
      idleTimeoutMs: HOUR_MS,
      absoluteTimeoutMs: 2 * HOUR_MS,
    };
    await durable.rotate({ id, expectedTokenHash: third, tokenHash: fourth, cause: 'rotation', authentication });
    expect(await world.takeChanges()).toEqual([`changed ${id}`, `changed ${id}`, `changed ${id}`]);
  });

  it.each([
    [`update sessions set ended_at = now(), end_reason = 'admin' where id = $1`, 'ended'],
    [`update sessions set ended_at = now(), end_reason = 'admin', token_hash = sha256('x') where id = $1`, 'ended'],
    ['delete from sessions where id = $1', 'ended'],
    [`update sessions set token_hash = sha256('x') where id = $1`, 'changed'],
    [`update sessions set user_id = 'grace' where id = $1`, 'changed'],
    ['update sessions set user_id = null where id = $1', 'changed'],
    [`update sessions set amr = '{otp}' where id = $1`, 'changed'],
    [`update sessions set expires_at = now() where id = $1`, 'changed'],
    [`update sessions set expires_at = now(), absolute_expires_at = now() where id = $1`, 'changed'],
    [`update sessions set absolute_expires_at = expires_at where id = $1`, 'changed'],
  ])('are recorded when somebody says "%s"', async (sql, kind) => {
    const { id } = await scene.begin();
    await world.query(sql, [id]);
    expect(await world.takeChanges()).toEqual([`${kind} ${id}`]);
  });

  it('are recorded when the table is truncated', async () => {
    const { id } = await scene.begin({ userId: 'truncated' });
    await world.query(
      `update sessions set ended_at = now(), end_reason = 'admin' where ended_at is null and id <> $1`,
      [id],
    );
    await world.takeChanges();
    await world.query('truncate sessions');
    expect(await world.takeChanges()).toEqual([`ended ${id}`]);
  });

  it('are not recorded by what copies need not follow', async () => {
    const { id } = await scene.begin();
    const touched = touch(durable, id);
    await durable.flush();
    expect(await touched).toBe(true);
    await durable.update({ id, expectedVersion: 1, data: { n: 1 } });
    await durable.mergeDurableData({ id, version: 5, data: { n: 2 } });
    await world.query(`update sessions set expires_at = expires_at + interval '1s', last_seen_at = now(), data = '{}'`);
    await world.query('update sessions set token_hash = token_hash, user_id = user_id, expires_at = expires_at');
    expect(await world.takeChanges()).toEqual([]);
    await durable.revoke({ id, ...BY_HAND });
    await world.takeChanges();
    await world.query(`update sessions set token_hash = sha256('x'), purge_after = now() where id = $1`, [id]);
    await world.query('update sessions set ended_at = ended_at - $1::interval', ['1s']);
    expect(await durable.cleanUp({ batchSize: 10 })).toMatchObject({ purged: 1 });
    expect(await world.takeChanges()).toEqual([]);
  });

  it('are those of a committed transaction only', async () => {
    const { id } = await scene.begin();
    const transaction = world.postgres.admin.createQueryRunner();
    await transaction.startTransaction();
    await transaction.query(`delete from ${world.postgres.schema}.sessions where id = $1`, [id]);
    await transaction.rollbackTransaction();
    await transaction.release();
    expect(await world.takeChanges()).toEqual([]);
  });

  it('are listed in order, forgotten one by one, and missed by nobody who commits late', async () => {
    const [early, late] = [await scene.begin(), await scene.begin()];
    const transaction = world.postgres.admin.createQueryRunner();
    await transaction.startTransaction();
    await transaction.query(`delete from ${world.postgres.schema}.sessions where id = $1`, [early.id]);
    await durable.revoke({ id: late.id, ...BY_HAND });
    const first = await durable.listHotChanges(10);
    expect(first).toEqual([{ key: expect.stringMatching(/^\d+$/), id: late.id, kind: 'ended' }]);
    await durable.forgetHotChanges(first);
    await transaction.commitTransaction();
    await transaction.release();
    const second = await durable.listHotChanges(10);
    expect(second).toEqual([{ key: expect.any(String), id: early.id, kind: 'ended' }]);
    expect(Number(second[0]?.key)).toBeLessThan(Number(first[0]?.key));
    const more = [await scene.begin(), await scene.begin(), await scene.begin()];
    for (const { id } of more) await durable.revoke({ id, ...BY_HAND });
    expect((await durable.listHotChanges(2)).map(({ id }) => id)).toEqual([early.id, more[0]?.id]);
    await durable.forgetHotChanges(await durable.listHotChanges(2));
    await durable.forgetHotChanges([]);
    expect((await durable.listHotChanges(10)).map(({ id }) => id)).toEqual([more[1]?.id, more[2]?.id]);
  });

  it('are forgotten by several at once without waiting for each other', async () => {
    const { durable: other } = await world.openSide();
    const sessions = await Promise.all(Array.from({ length: 200 }, () => scene.begin({ userId: 'many' })));
    await durable.revokeAll({ userId: 'many', ...BY_HAND });
    const changes = await durable.listHotChanges(1000);
    expect(new Set(changes.map(({ id }) => id))).toEqual(new Set(sessions.map(({ id }) => id)));
    const holder = world.postgres.admin.createQueryRunner();
    await holder.startTransaction();
    await holder.query(`select from ${world.postgres.schema}.session_hot_changes limit 1 for update`);
    try {
      await Promise.all(
        [durable, other, durable, other].map((side, index) =>
          side.forgetHotChanges(index % 2 ? changes : changes.toReversed()),
        ),
      );
      expect(await durable.listHotChanges(1000)).toHaveLength(1);
    } finally {
      await holder.rollbackTransaction();
      await holder.release();
    }
    await other.forgetHotChanges(changes);
    expect(await durable.listHotChanges(1000)).toEqual([]);
  });

  it('are recorded for whoever may change sessions but not write changes, on any search path', async () => {
    const { schema, url } = world.postgres;
    const role = `${schema}_clerk`;
    const { id } = await scene.begin();
    await world.query(`create role ${role} login password 'clerk'`);
    await world.query(`grant usage on schema ${schema} to ${role}; grant select, delete on sessions to ${role}`);
    const clerkUrl = new URL(url);
    clerkUrl.username = role;
    clerkUrl.password = 'clerk';
    const clerk = await world.postgres.openDataSource({ url: clerkUrl.href, schema: undefined, poolSize: 1 });
    await clerk.query(`delete from ${schema}.sessions where id = $1`, [id]);
    await expect(clerk.query(`select from ${schema}.session_hot_changes`)).rejects.toThrow('permission denied');
    const mayAttach = `select has_function_privilege('${schema}.session_hot_changes_row()', 'execute') as may`;
    expect(await clerk.query(mayAttach)).toEqual([{ may: false }]);
    await clerk.destroy();
    expect(await world.takeChanges()).toEqual([`ended ${id}`]);
    await world.query(`drop owned by ${role}; drop role ${role}`);
  });
});

describe('deleting users', () => {
  it('records the end of all their live sessions, which the foreign key deletes', async () => {
    const tied = await DurableWorld.open({ migrate: false });
    try {
      const { schema } = tied.postgres;
      await tied.query(
        `create table ${schema}.users (id bigint primary key); insert into ${schema}.users values (7), (8)`,
      );
      const users = { schema, table: 'users', column: 'id' };
      await tied.postgres.migrate({ userIdType: 'bigint', users, hotChanges: true });
      const { durable: side } = await tied.openSide();
      const [one, two, ended, others] = ['7', '7', '7', '8'].map((userId) => aNewSession({ userId }));
      for (const session of [one, two, ended, others]) if (session) await side.create(session);
      await side.revoke({ id: ended?.id ?? '', reason: 'logout', endedBy: null });
      await tied.takeChanges();
      await tied.query(`delete from ${schema}.users where id = 7`);
      expect(new Set(await tied.takeChanges())).toEqual(new Set([`ended ${one?.id}`, `ended ${two?.id}`]));
      expect(await side.find(others?.id ?? '')).toMatchObject({ live: true });
    } finally {
      await tied.close();
    }
  });
});
describe('durable data', () => {
  const dataOf = async (id: string) => {
    const found = await durable.find(id);
    return found.live ? found.record.data : ABSENT;
  };

  it("is replaced by newer versions only, whose numbers are the hot side's own", async () => {
    const { id, tokenHash } = await scene.begin({ userId: 'ada', data: { tenantId: 1 } });
    const version = Date.now();
    await durable.mergeDurableData({ id, version: version + 2, data: { tenantId: 3 } });
    await durable.mergeDurableData({ id, version: version + 1, data: { tenantId: 2 } });
    await durable.mergeDurableData({ id, version: version + 2, data: { tenantId: 2 } });
    expect(await dataOf(id)).toEqual({ tenantId: 3 });
    // A rotation counts the record's own version up, which has nothing to do with it.
    await durable.rotate({ id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' });
    await durable.mergeDurableData({ id, version: version + 3, data: { tenantId: 4 } });
    expect(await dataOf(id)).toEqual({ tenantId: 4 });
  });

  it('is not written to what has ended, was spoilt or never was', async () => {
    const [ended, spoilt] = [await scene.begin(), await scene.begin()];
    await durable.revoke({ id: ended.id, ...BY_HAND });
    await world.query(`update sessions set data = '[]' where id = $1`, [spoilt.id]);
    for (const { id } of [ended, spoilt, aNewSession()]) {
      await durable.mergeDurableData({ id, version: 1, data: { tenantId: 1 } });
    }
    const rows = await world.query(`select data from sessions where id in ($1, $2) order by id`, [ended.id, spoilt.id]);
    expect(rows).toEqual([{ data: {} }, { data: [] }]);
  });
});

describe('calls of a durable side that was stopped', () => {
  it('reject', async () => {
    const { durable: side } = await world.openSide();
    await side.stop();
    await expect(side.listHotChanges(1)).rejects.toThrow('it was stopped');
    await expect(side.forgetHotChanges([{ key: '1', id: aNewSession().id, kind: 'ended' }])).rejects.toThrow(
      'it was stopped',
    );
    await expect(side.mergeDurableData({ id: aNewSession().id, version: 1, data: {} })).rejects.toThrow(
      'it was stopped',
    );
    await expect(touch(side, aNewSession().id)).rejects.toThrow('it was stopped');
  });
});
