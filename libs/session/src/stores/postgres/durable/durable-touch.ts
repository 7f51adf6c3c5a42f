import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { interval, isAfterCutoff, purgeHour } from '../connection/sql-expressions.js';
import { defineStatement } from '../connection/statement.js';
import type { AgedTouch } from '../operations/touch-queue.js';
import type { TableNames } from '../schema/identifiers.js';

/**
 * Many touches at once. Each applies to a session that was live when the touch was asked for, even if the session has
 * expired since. `agesMs` is how long ago each session was seen, `firstAgesMs` the same of its first unwritten touch.
 *
 * The statement returns the ids of the sessions that are live and were due; a session whose interval is 0 is always due.
 *
 * Rows are locked in the order of their ids. Indexed columns keep their values unless an hour has passed, so that the
 * update is HOT. A session that was made to expire by hand stays expired, because its absolute expiry moved along.
 * Found and moved rows are not joined: the join would cost more than all the rest.
 */
export function durableTouchStatement(tables: TableNames) {
  const { sessions } = tables;
  const latestExpiry = `least(due.seen_at + ${interval('due.idle_ms')}, s.absolute_expires_at)`;
  const expiresAt = `greatest(s.expires_at, ${latestExpiry})`;
  return defineStatement(
    'durable-touch',
    {
      ids: 'uuid[]',
      agesMs: 'float8[]',
      firstAgesMs: 'float8[]',
      idleTimeoutsMs: 'float8[]',
      touchIntervalsMs: 'float8[]',
    },
    (p) => `with touched as (
  select t.id, t.idle_ms, t.interval_ms, ${ago('t.age_ms')} as seen_at, ${ago('t.first_age_ms')} as first_seen_at
  from unnest(${p.ids}, ${p.agesMs}, ${p.firstAgesMs}, ${p.idleTimeoutsMs}, ${p.touchIntervalsMs})
    as t (id, age_ms, first_age_ms, idle_ms, interval_ms)
),
due as (
  select touched.*, s.expires_at
  from touched join ${sessions} s on s.id = touched.id
  where s.ended_at is null and s.expires_at > touched.first_seen_at and ${isAfterCutoff(tables)}
  order by s.id
  for no key update of s
),
moved as (
  update ${sessions} s
  set last_seen_at = greatest(s.last_seen_at, due.seen_at), expires_at = ${expiresAt}, purge_after = ${purgeHour(expiresAt)}
  from due
  where s.id = due.id and (s.last_seen_at <= due.seen_at - ${interval('due.interval_ms')}
    or (due.interval_ms = 0 and s.expires_at < ${latestExpiry}))
  returning s.id, s.expires_at > now() and (due.interval_ms > 0 or due.expires_at <= now()) as is_told
)
select id::text as id from due where interval_ms = 0 and expires_at > now()
union all
select id::text from moved where is_told`,
  );
}

function ago(ms: string): string {
  return `date_trunc('milliseconds', now() - ${interval(ms)})`;
}

export interface DurableToucherParts {
  readonly pool: PostgresPool;
  readonly statement: ReturnType<typeof durableTouchStatement>;
  readonly timeoutMs: number;
}

/** Writes gathered touches, with the ages that they have when the statement is sent. */
export class PostgresDurableToucher {
  constructor(private readonly parts: DurableToucherParts) {}

  /** @returns The ids of the sessions that are live and were due; every live one when its interval is 0. */
  async touchMany(touches: readonly AgedTouch[]): Promise<string[]> {
    const { pool, statement, timeoutMs } = this.parts;
    const startedAtMs = performance.now();
    const query = () => {
      const waitedMs = performance.now() - startedAtMs;
      return statement.bind({
        ids: touches.map(({ id }) => id),
        agesMs: touches.map(({ ageMs }) => ageMs + waitedMs),
        firstAgesMs: touches.map(({ firstAgeMs }) => firstAgeMs + waitedMs),
        idleTimeoutsMs: touches.map(({ idleTimeoutMs }) => idleTimeoutMs),
        touchIntervalsMs: touches.map(({ touchIntervalMs }) => touchIntervalMs),
      });
    };
    const live = await runOperation({ timeoutMs }, (operation) => pool.query<{ id: string }>(operation, query));
    return live.map(({ id }) => id);
  }
}
