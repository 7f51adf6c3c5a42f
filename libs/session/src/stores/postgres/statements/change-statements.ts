import type { TableNames } from '../identifiers.js';
import { RECORD_COLUMNS } from '../session-row.js';
import { CLOCK_TIME, defineStatement, interval, purgeHour } from '../statement.js';
import { auditInsert, type AuditSource } from './audit-insert.js';

export type ChangeStatements = ReturnType<typeof changeStatements>;

/** Evaluated again after a wait for the row's lock. */
const LIVE = `s.ended_at is null and s.expires_at > clock_timestamp()`;

/** What is stored was made unreadable by somebody's hand: not for this session to be changed, only ended. */
const DECODABLE = `jsonb_typeof(s.data) = 'object'`;

export function changeStatements(tables: TableNames) {
  return {
    /** $1 id, $2 expected version, $3 data. No row: not live, or of another version. */
    update: defineStatement(
      'update',
      `update ${tables.sessions} s set data = $3::jsonb, version = s.version + 1
where s.id = $1::uuid and s.version = $2::integer and ${LIVE} and ${DECODABLE}
returning ${RECORD_COLUMNS}`,
    ),

    /** $1 id, $2 expected token hash, $3 token hash. No row: not live, or of another hash. Leaves no audit row. */
    rehash: defineStatement('rehash', rotateText(tables)),

    /** As `rehash`, with an audit row. */
    rotate: defineStatement('rotate', rotateText(tables, { event: 'session.rotated' })),

    /** As `rotate`, and $4 amr, $5 idle timeout in ms, $6 absolute timeout in ms. */
    reauthenticate: defineStatement(
      'reauthenticate',
      rotateText(tables, { event: 'session.reauthenticated', set: freshAuthentication() }),
    ),

    touch: defineStatement('touch', touchText(tables)),
  };
}

function rotateText(
  { sessions, audit }: TableNames,
  transition?: { event: AuditSource['event']; set?: string },
): string {
  const auditing =
    transition &&
    `,
audit as (${auditInsert(audit, { from: 'rotated', event: transition.event, at: CLOCK_TIME })})`;
  return `with clock as materialized (select ${CLOCK_TIME} as at),
rotated as (
  update ${sessions} s set token_hash = $3::bytea, version = s.version + 1${transition?.set ?? ''}
  from clock
  where s.id = $1::uuid and s.token_hash = $2::bytea and ${LIVE} and ${DECODABLE}
  returning s.*
)${auditing ?? ''}
select ${RECORD_COLUMNS} from rotated s`;
}

function freshAuthentication(): string {
  const expiresAt = `clock.at + ${interval('least($5::float8, $6::float8)')}`;
  return `, amr = $4::text[], authenticated_at = clock.at, last_seen_at = greatest(s.last_seen_at, clock.at),
    absolute_expires_at = clock.at + ${interval('$6')}, expires_at = ${expiresAt}, purge_after = ${purgeHour(expiresAt)}`;
}

/**
 * Many touches at once. Rows are locked in the order of their ids, so that two flushes cannot deadlock; indexed columns
 * keep their values unless an hour has passed, so that the update is HOT.
 *
 * $1 ids, $2 ages in ms (how long ago each was seen), $3 idle timeouts in ms, $4 touch intervals in ms.
 * Returns the ids of those that moved.
 */
function touchText({ sessions }: TableNames): string {
  const expiresAt = `greatest(s.expires_at, least(due.seen_at + ${interval('due.idle_ms')}, s.absolute_expires_at))`;
  return `with due as (
  select s.id, seen.seen_at, touched.idle_ms
  from unnest($1::uuid[], $2::float8[], $3::float8[], $4::float8[]) as touched (id, age_ms, idle_ms, interval_ms)
  cross join lateral (select date_trunc('milliseconds', now() - ${interval('touched.age_ms')}) as seen_at) seen
  join ${sessions} s on s.id = touched.id
  where ${LIVE} and s.last_seen_at <= seen.seen_at - ${interval('touched.interval_ms')}
  order by s.id
  for no key update of s
)
update ${sessions} s
set last_seen_at = greatest(s.last_seen_at, due.seen_at), expires_at = ${expiresAt}, purge_after = ${purgeHour(expiresAt)}
from due
where s.id = due.id
returning s.id::text as id`;
}
