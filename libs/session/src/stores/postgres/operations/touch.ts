import type { LiveSession } from '../../../core/session/session-record.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { interval, purgeHour } from '../connection/sql-expressions.js';
import { defineStatement } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import { isLive } from './conditional-change.js';
import type { AgedTouch } from './touch-queue.js';

/**
 * Many touches at once. `agesMs` is how long ago each session was seen. The statement returns the ids of the sessions
 * that it moved.
 *
 * Rows are locked in the order of their ids, so that two flushes cannot deadlock. Indexed columns keep their values
 * unless an hour has passed, so that the update is HOT.
 */
export function touchStatement(tables: TableNames) {
  const { sessions } = tables;
  const expiresAt = `greatest(s.expires_at, least(due.seen_at + ${interval('due.idle_ms')}, s.absolute_expires_at))`;
  return defineStatement(
    'touch',
    { ids: 'uuid[]', agesMs: 'float8[]', idleTimeoutsMs: 'float8[]', touchIntervalsMs: 'float8[]' },
    (p) => `with due as (
  select s.id, seen.seen_at, touched.idle_ms
  from unnest(${p.ids}, ${p.agesMs}, ${p.idleTimeoutsMs}, ${p.touchIntervalsMs})
    as touched (id, age_ms, idle_ms, interval_ms)
  cross join lateral (select date_trunc('milliseconds', now() - ${interval('touched.age_ms')}) as seen_at) seen
  join ${sessions} s on s.id = touched.id
  where ${isLive(tables)} and s.last_seen_at <= seen.seen_at - ${interval('touched.interval_ms')}
  order by s.id
  for no key update of s
)
update ${sessions} s
set last_seen_at = greatest(s.last_seen_at, due.seen_at), expires_at = ${expiresAt}, purge_after = ${purgeHour(expiresAt)}
from due
where s.id = due.id
returning s.id::text as id`,
  );
}

export interface SessionToucherParts {
  readonly pool: PostgresPool;
  readonly statement: ReturnType<typeof touchStatement>;
  readonly timeoutMs: number;
}

/** Writes gathered touches. */
export class PostgresSessionToucher {
  constructor(private readonly parts: SessionToucherParts) {}

  /** @returns The ids of the sessions that moved. */
  async touchMany(touches: readonly AgedTouch[]): Promise<string[]> {
    const { pool, statement, timeoutMs } = this.parts;
    const query = statement.bind({
      ids: touches.map(({ id }) => id),
      agesMs: touches.map(({ ageMs }) => ageMs),
      idleTimeoutsMs: touches.map(({ idleTimeoutMs }) => idleTimeoutMs),
      touchIntervalsMs: touches.map(({ touchIntervalMs }) => touchIntervalMs),
    });
    const moved = await runOperation({ timeoutMs }, (operation) => pool.query<{ id: string }>(operation, query));
    return moved.map(({ id }) => id);
  }
}

const MAX_REMEMBERED = 10_000;

/**
 * Remembers sessions that were found shortly before their expiry. Their next touch must not wait for others, or it would
 * come too late.
 */
export class ExpiringSessions {
  private readonly ids = new Set<string>();

  /** @param marginMs - Sessions with less time left than this count as expiring. */
  constructor(private readonly marginMs: number) {}

  observe({ record, now }: LiveSession): void {
    if (record.expiresAt.getTime() - now.getTime() > this.marginMs) return;
    if (this.ids.size >= MAX_REMEMBERED) this.ids.clear();
    this.ids.add(record.id);
  }

  /** Whether a touch of this session is urgent. The answer is given once per observation. */
  take(id: string): boolean {
    return this.ids.delete(id);
  }
}
