import { beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import type { SessionRotation, SessionStore } from 'nest-sessions/store';
import { anAuthentication, aNewSession } from 'nest-sessions/testing';
import { until } from './probes.js';
import { type PostgresWorld, usePostgresWorld } from './world.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

let world: PostgresWorld;
let holder: DataSource;
usePostgresWorld((opened) => (world = opened));
beforeAll(async () => {
  holder = await world.openDataSource({ poolSize: 1 });
});

const countWaiting = async (applicationName: string) => {
  const rows = await world.query<unknown>(
    `select 1 from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'`,
    [applicationName],
  );
  return rows.length;
};

describe('a change that waits for a lock until its caller has given up', () => {
  const next = aNewSession().tokenHash;
  type Operate = (store: SessionStore, session: ReturnType<typeof aNewSession>) => Promise<unknown>;
  const authentication = { ...anAuthentication({ amr: ['pwd'] }), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS };
  const rotation = ({ id, tokenHash }: ReturnType<typeof aNewSession>, cause: SessionRotation['cause']) => ({
    id,
    expectedTokenHash: tokenHash,
    tokenHash: next,
    cause,
  });

  const listBusy = (applicationName: string, forLongerThan: string) =>
    world.query(
      `select 1 from pg_stat_activity
      where application_name = $1 and state <> 'idle' and clock_timestamp() - query_start > $2::interval`,
      [applicationName, forLongerThan],
    );

  const changes: [string, Operate][] = [
    ['update', (store, { id }) => store.update({ id, expectedVersion: 1, data: { late: true } })],
    ['rotate', (store, session) => store.rotate(rotation(session, 'rotation'))],
    ['rehash', (store, session) => store.rotate(rotation(session, 'rehash'))],
    ['reauthenticate', (store, session) => store.rotate({ ...rotation(session, 'rotation'), authentication })],
  ];
  const holds: [string, string][] = [
    ['only locked', 'select 1 from sessions where id = $1 for update'],
    ['changed', `update sessions set device = 'other' where id = $1`],
  ];
  const cases = changes.flatMap(([name, operate]) => holds.map((hold) => [name, ...hold, operate] as const));

  it.each(cases)('does not apply afterwards: %s of a row that was %s', async (name, held, sql, operate) => {
    const applicationName = `${world.schema}_${name}_${held.replace(' ', '_')}`;
    const dataSource = await world.openDataSource({ applicationName, poolSize: 1 });
    const patient = await world.openStore();
    const store = await world.openStore({ dataSource, operationTimeout: '400ms' });
    const session = aNewSession({ userId: 'locked' });
    await patient.create(session);
    await holder.transaction(async (manager) => {
      await manager.query(sql.replace('sessions', `${world.schema}.sessions`), [session.id]);
      await expect(operate(store, session)).rejects.toThrow('no answer within 400 ms');
      expect(await countWaiting(applicationName)).toBe(1);
      // It counts from when the statement reached the server, which on a busy machine is a while after it was sent.
      await until(async () => (await listBusy(applicationName, '400 ms')).length === 1);
    });
    await until(async () => (await listBusy(applicationName, '0 ms')).length === 0);
    expect(await patient.find(session.id)).toMatchObject({
      live: true,
      record: { version: 1, tokenHash: session.tokenHash, data: session.data },
    });
    expect(await world.query('select event from session_audit where session_id = $1', [session.id])).toHaveLength(1);
  });

  it.each(cases)('applies while there is time: %s of a row that was %s', async (name, held, sql, operate) => {
    const applicationName = `${world.schema}_in_time_${name}_${held.replace(' ', '_')}`;
    const dataSource = await world.openDataSource({ applicationName, poolSize: 1 });
    const store = await world.openStore({ dataSource });
    const session = aNewSession({ userId: 'locked' });
    await store.create(session);
    let operating: Promise<unknown> | undefined;
    await holder.transaction(async (manager) => {
      await manager.query(sql.replace('sessions', `${world.schema}.sessions`), [session.id]);
      operating = operate(store, session);
      await until(async () => (await countWaiting(applicationName)) === 1);
    });
    expect(await operating).toMatchObject({ applied: true, record: { version: 2 } });
  });

  it('does not bring back a session that expired while it waited', async () => {
    const applicationName = `${world.schema}_expired`;
    const store = await world.openStore({ dataSource: await world.openDataSource({ applicationName }) });
    const session = aNewSession({ userId: 'locked' });
    await store.create(session);
    const moment = `update sessions set expires_at = clock_timestamp() + interval '300 ms' where id = $1`;
    await world.query(moment, [session.id]);
    let operating: Promise<unknown> | undefined;
    await holder.transaction(async (manager) => {
      await manager.query(`select 1 from ${world.schema}.sessions where id = $1 for update`, [session.id]);
      operating = store.rotate({ ...rotation(session, 'rotation'), authentication });
      await until(async () => (await countWaiting(applicationName)) === 1);
      await until(async () => !(await store.find(session.id)).live);
    });
    expect(await operating).toEqual({ applied: false, reason: 'absent' });
  });
});
