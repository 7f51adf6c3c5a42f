import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionStore } from 'nest-sessions/store';
import { aNewSession } from 'nest-sessions/testing';
import { type PostgresWorld, usePostgresWorld } from './world.js';

const END = { reason: 'admin', endedBy: 'operator' } as const;

describe('the end of everything in the Postgres store (ASVS 7.4.5)', () => {
  let world: PostgresWorld;
  let store: SessionStore;

  usePostgresWorld((opened) => (world = opened));
  beforeAll(async () => {
    store = await world.openStore();
  });

  const endOf = async (id: string) => {
    const [row] = await world.query<Record<string, unknown>>(
      `select end_reason, ended_by, (select count(*)::int from session_audit a where a.session_id = s.id
        and event = 'session.ended' and a.at = s.ended_at and a.reason = s.end_reason) as audited
       from sessions s where id = $1`,
      [id],
    );
    return row;
  };

  it('is one row, whatever the number of sessions, and one row of the audit log', async () => {
    await world.query(`insert into sessions (id, user_id, token_hash, created_at, last_seen_at, expires_at,
      absolute_expires_at, purge_after)
      select gen_random_uuid(), 'many', decode(repeat('00', 32), 'hex'), now(), now(), now() + '1h', now() + '1d', now() + '2h'
      from generate_series(1, 10000)`);
    const written = async () => {
      const [row] = await world.query<{ n: number }>(
        'select count(*)::int as n from sessions where xmax <> 0 or ended_at is not null',
      );
      return row?.n;
    };
    const { before } = await store.revokeEverything(END);
    expect(await written()).toBe(0);
    expect((await store.listByUser({ userId: 'many' })).records).toEqual([]);
    expect(await world.query('select before, reason, ended_by from session_floors')).toEqual([
      { before, reason: 'admin', ended_by: 'operator' },
    ]);
    expect(
      await world.query(`select session_id, reason, actor from session_audit where event = 'everything.ended'`),
    ).toEqual([{ session_id: null, reason: 'admin', actor: 'operator' }]);
  });

  it('marks the sessions in batches of the cleanup when they would have expired, with the reason and audit rows', async () => {
    const [ended, expired, standing] = [
      aNewSession({ userId: 'a' }),
      aNewSession({ userId: 'b' }),
      aNewSession({ userId: 'c' }),
    ];
    await store.create(ended);
    await store.create(expired);
    await world.query(`update sessions set expires_at = now() - interval '1 s' where id = $1`, [expired.id]);
    await store.revokeEverything(END);
    await store.revokeEverything({ ...END, endedBy: 'somebody later' });
    await store.create(standing);
    const ids = [ended.id, expired.id, standing.id];
    await world.query(`update sessions set expires_at = now() where id = any($1) and id <> $2`, [ids, expired.id]);
    await world.query(`update sessions set purge_after = now() where id = any($1)`, [ids]);
    await store.cleanUp({ batchSize: 100 });
    expect(await endOf(ended.id)).toEqual({ end_reason: 'admin', ended_by: 'operator', audited: 1 });
    expect(await endOf(expired.id)).toEqual({ end_reason: 'expired', ended_by: null, audited: 1 });
    expect(await endOf(standing.id)).toEqual({ end_reason: 'expired', ended_by: null, audited: 1 });
  });

  it('lets a session stand that is created by a clock that was set back since', async () => {
    await world.query(`update session_floors set before = now() + interval '1 minute'`);
    const session = aNewSession({ userId: 'd' });
    await store.create(session);
    expect(await store.find(session.id)).toMatchObject({ live: true });
    await world.query(`update session_floors set before = now()`);
  });

  it('numbers ends without a gap when many are made at once', async () => {
    const other = await world.openStore();
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 ? store : other).revokeEverything(END)));
    const ids = await world.query<{ id: string }>('select id from session_floors order by id');
    expect(ids.map(({ id }) => Number(id))).toEqual(Array.from({ length: ids.length }, (_, index) => index + 1));
    const audited = await world.query(`select 1 from session_audit where event = 'everything.ended'`);
    expect(audited).toHaveLength(ids.length);
  });
});
