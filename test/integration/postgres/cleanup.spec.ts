import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import { aNewSession } from 'nest-sessions/testing';
import { recordQueries, until } from './probes.js';
import { type PostgresWorld, usePostgresWorld } from './world.js';
import { DAY_MS, HOUR_MS } from '#src/testing/world/durations.js';

let world: PostgresWorld;
let store: SessionStore;
usePostgresWorld((opened) => (world = opened));
beforeAll(async () => {
  store = await world.openStore({ pool: 1, context: { retentionMs: 2 * DAY_MS, auditRetentionMs: 10 * DAY_MS } });
});
afterEach(() => world.query('delete from sessions; delete from session_audit'));

/** Rows as if made long ago: SQL for when they expire and, unless null, when they ended. */
const insertSessions = (
  count: number,
  { expiresAt, endedAt = 'null::timestamptz' }: { expiresAt: string; endedAt?: string },
) =>
  world.query(
    `insert into sessions (id, user_id, token_hash, created_at, last_seen_at, expires_at, absolute_expires_at, purge_after,
      ended_at, end_reason)
    select gen_random_uuid(), 'user-' || n, decode(repeat('00', 32), 'hex'), now() - '30d'::interval, now() - '30d'::interval,
      ${expiresAt}, ${expiresAt} + '1d'::interval,
      coalesce(${endedAt} + '2d'::interval, date_trunc('hour', ${expiresAt}, 'UTC') + '1h'),
      ${endedAt}, case when ${endedAt} is not null then 'logout' end
    from generate_series(1, $1) n`,
    [count],
  );

const countSessions = async () => {
  const [row] = await world.query<{ live: number; ended: number }>(
    `select count(*) filter (where ended_at is null)::int as live, count(*) filter (where ended_at is not null)::int as ended
    from sessions`,
  );
  return row;
};

describe('cleanup of the Postgres store', () => {
  it('marks what expired, with the reason and an audit row, as of when it expired', async () => {
    await insertSessions(3, { expiresAt: `now() - '3h'::interval` });
    await insertSessions(1, { expiresAt: `now() + '3h'::interval` });
    expect(await store.cleanUp({ batchSize: 100 })).toEqual({ expired: 3, purged: 0, auditPurged: 0, state: 'done' });
    expect(await countSessions()).toEqual({ live: 1, ended: 3 });
    const rows = await world.query(
      `select s.end_reason, s.ended_at = s.expires_at as at_expiry, s.purge_after = s.expires_at + '2d' as kept, a.event,
        a.reason, a.at = s.ended_at as audited_at_expiry, a.user_id = s.user_id as same_user
      from sessions s join session_audit a on a.session_id = s.id`,
    );
    expect(rows).toEqual(
      Array.from({ length: 3 }, () => ({
        end_reason: 'expired',
        at_expiry: true,
        kept: true,
        event: 'session.ended',
        reason: 'expired',
        audited_at_expiry: true,
        same_user: true,
      })),
    );
    expect(await store.cleanUp({ batchSize: 100 })).toEqual({ expired: 0, purged: 0, auditPurged: 0, state: 'done' });
  });

  it('keeps ended sessions for the retention, and then removes them', async () => {
    const session = aNewSession({ userId: 'ada' });
    await store.create(session);
    await store.revoke({ id: session.id, reason: 'logout', endedBy: null });
    await insertSessions(2, { expiresAt: `now()`, endedAt: `now() - '47h'::interval` });
    await insertSessions(4, { expiresAt: `now()`, endedAt: `now() - '49h'::interval` });
    expect(await store.cleanUp({ batchSize: 100 })).toMatchObject({ expired: 0, purged: 4, state: 'done' });
    expect(await countSessions()).toEqual({ live: 0, ended: 3 });
    expect(await store.find(session.id)).toEqual({ live: false, reason: 'ended' });
  });

  it('deletes sessions that expired before the retention began, with one audit row each as of their expiry', async () => {
    await insertSessions(5, { expiresAt: `now() - '9d'::interval` });
    await insertSessions(3, { expiresAt: `now() - '3h'::interval` });
    await insertSessions(2, { expiresAt: `now() + '3h'::interval` });
    expect(await store.cleanUp({ batchSize: 100 })).toEqual({ expired: 8, purged: 5, auditPurged: 0, state: 'done' });
    expect(await countSessions()).toEqual({ live: 2, ended: 3 });
    const rows = await world.query(
      `select event, reason, actor, count(*)::int as n, bool_and(at < now() - '8d'::interval) as long_ago from session_audit
       group by event, reason, actor, at < now() - '8d'::interval order by n`,
    );
    expect(rows).toEqual([
      { event: 'session.ended', reason: 'expired', actor: null, n: 3, long_ago: false },
      { event: 'session.ended', reason: 'expired', actor: null, n: 5, long_ago: true },
    ]);
  });

  it('deletes a full batch of those first, so that not one is marked before it is deleted', async () => {
    await insertSessions(25, { expiresAt: `now() - '9d'::interval` });
    await insertSessions(12, { expiresAt: `now() - '3h'::interval` });
    const steps = [];
    do steps.push(await store.cleanUp({ batchSize: 10 }));
    while (steps.at(-1)?.state === 'more');
    expect(steps).toEqual([
      { expired: 10, purged: 10, auditPurged: 0, state: 'more' },
      { expired: 10, purged: 10, auditPurged: 0, state: 'more' },
      { expired: 15, purged: 5, auditPurged: 0, state: 'more' },
      { expired: 2, purged: 0, auditPurged: 0, state: 'done' },
    ]);
  });

  it('deletes no session that was touched since its purge hour was written', async () => {
    await insertSessions(3, { expiresAt: `now() + '20m'::interval` });
    await insertSessions(2, { expiresAt: `now() - '3h'::interval` });
    await world.query(`update sessions set purge_after = now() - '20d'::interval`);
    expect(await store.cleanUp({ batchSize: 100 })).toMatchObject({ expired: 2, purged: 0 });
    expect(await countSessions()).toEqual({ live: 3, ended: 2 });
  });

  it('deletes sessions of before a revokeEverything with that end in the audit', async () => {
    await insertSessions(4, { expiresAt: `now() - '9d'::interval` });
    await world.query(
      `insert into session_floors (id, before, at, reason, ended_by)
       values (1, now() - '228h'::interval, now() - '228h'::interval, 'admin', 'operator')`,
    );
    try {
      expect(await store.cleanUp({ batchSize: 100 })).toMatchObject({ expired: 4, purged: 4 });
      expect(
        await world.query("select distinct reason, actor, at < now() - '9d'::interval as early from session_audit"),
      ).toEqual([{ reason: 'admin', actor: 'operator', early: true }]);
    } finally {
      await world.query('delete from session_floors');
    }
  });

  it('removes audit rows after a retention of their own', async () => {
    await world.query(`insert into session_audit (at, event, session_id)
      select now() - n * '1d'::interval, 'session.created', gen_random_uuid() from generate_series(1, 20) n`);
    expect(await store.cleanUp({ batchSize: 100 })).toEqual({ expired: 0, purged: 0, auditPurged: 11, state: 'done' });
    expect(await world.query('select count(*)::int as n from session_audit')).toEqual([{ n: 9 }]);
  });

  it('works in steps of a batch of each kind, and says when there is more (DefectDojo/django-DefectDojo#11770)', async () => {
    await insertSessions(25, { expiresAt: `now() - '3h'::interval` });
    await insertSessions(12, { expiresAt: `now()`, endedAt: `now() - '3d'::interval` });
    const steps = [];
    do steps.push(await store.cleanUp({ batchSize: 10 }));
    while (steps.at(-1)?.state === 'more');
    expect(steps).toEqual([
      { expired: 10, purged: 10, auditPurged: 0, state: 'more' },
      { expired: 10, purged: 2, auditPurged: 0, state: 'more' },
      { expired: 5, purged: 0, auditPurged: 0, state: 'done' },
    ]);
  });

  it('harms no session that was touched after its hour had been written', async () => {
    await insertSessions(3, { expiresAt: `now() + '20m'::interval` });
    await world.query(`update sessions set purge_after = now() - '1h'::interval`);
    expect(await store.cleanUp({ batchSize: 100 })).toMatchObject({ expired: 0, purged: 0 });
    expect(await countSessions()).toEqual({ live: 3, ended: 0 });
  });

  it('gives way to another instance at it, and to none that has died (n8n-io/n8n#34685)', async () => {
    const applicationName = `${world.schema}_cleaner`;
    const dataSource = await world.openDataSource({ applicationName, poolSize: 1, poolErrorHandler: () => undefined });
    const other = await world.openStore({ dataSource });
    const ofOther = `from pg_stat_activity where application_name = $1`;
    const isWaiting = async () => {
      const rows = await world.query(`select 1 ${ofOther} and wait_event_type = 'Lock'`, [applicationName]);
      return rows.length === 1;
    };
    const holder = await world.openDataSource({ poolSize: 1 });
    await holder.transaction(async (manager) => {
      await manager.query(`lock table ${world.schema}.sessions in share mode`);
      const blocked = other.cleanUp({ batchSize: 10 });
      blocked.catch(() => undefined);
      await until(isWaiting);
      expect(await store.cleanUp({ batchSize: 10 })).toMatchObject({ state: 'busy' });
      await world.query(`select pg_terminate_backend(pid) ${ofOther}`, [applicationName]);
      await expect(blocked).rejects.toThrow(SessionStoreUnavailableError);
    });
    expect(await store.cleanUp({ batchSize: 10 })).toMatchObject({ state: 'done' });
    const locks = `select 1 from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database()
      where l.locktype = 'advisory' and l.pid in (select pid ${ofOther})`;
    expect(await world.query(locks, [applicationName])).toEqual([]);
  });

  it('by three instances harms nobody while 200 visitors sign in, are seen and sign out (spring-projects/spring-session#838)', async () => {
    await insertSessions(3000, { expiresAt: `now() - '3h'::interval` });
    await insertSessions(3000, { expiresAt: `now()`, endedAt: `now() - '3d'::interval` });
    const dataSources = await Promise.all([1, 2, 3].map(() => world.openDataSource({ poolSize: 5 })));
    const sent = dataSources.map((dataSource) => recordQueries(dataSource));
    const stores = await Promise.all(
      dataSources.map((dataSource) => world.openStore({ dataSource, context: { retentionMs: 2 * DAY_MS } })),
    );
    const clean = async (here: SessionStore) => {
      const totals = { expired: 0, purged: 0 };
      for (;;) {
        const step = await here.cleanUp({ batchSize: 100 });
        totals.expired += step.expired;
        totals.purged += step.purged;
        if (step.state === 'done') return totals;
      }
    };
    const visit = async (index: number) => {
      const here = stores[index % 3] ?? store;
      const userId = `visitor-${index % 20}`;
      const session = aNewSession({ userId, limit: { max: 100, onLimit: 'revoke-oldest' } });
      await here.create(session);
      for (let round = 0; round < 5; round++) {
        const moved = here.touch({ id: session.id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
        await here.flush();
        expect(await moved).toBe(true);
        expect(await here.find(session.id)).toMatchObject({ live: true });
      }
      return index % 2 === 0 ? here.revoke({ id: session.id, reason: 'logout', endedBy: null }) : undefined;
    };
    const visits = Array.from({ length: 200 }, (_, index) => visit(index));
    const cleaned = await Promise.all(stores.map(clean));
    expect((await Promise.all(visits)).filter((ended) => ended !== undefined)).toHaveLength(100);
    expect(cleaned.reduce((sum, { expired }) => sum + expired, 0)).toBe(3000);
    expect(cleaned.reduce((sum, { purged }) => sum + purged, 0)).toBe(3000);
    expect(await countSessions()).toEqual({ live: 100, ended: 3100 });
    expect(sent.flat().filter(({ error }) => error !== undefined)).toEqual([]);
  });
});
