import type { TableNames } from '../identifiers.js';
import { ENDED_COLUMNS, RECORD_COLUMNS } from '../session-row.js';
import { CLOCK_TIME, defineStatement, interval, purgeHour } from '../statement.js';
import type { Endable } from './create-statements.js';
import { auditEnded, auditInsert, type AuditSource } from './audit-insert.js';

export type ChangeStatements = ReturnType<typeof changeStatements>;

/** Evaluated again after a wait for the row's lock. */
const LIVE = `s.ended_at is null and s.expires_at > clock_timestamp()`;

/** What is stored was made unreadable by somebody's hand: not for this session to be changed, only ended. */
const DECODABLE = `jsonb_typeof(s.data) = 'object'`;

/** @param endable - Which of the user's other sessions end with `rotateAlone`: as in `createStatements`. */
export function changeStatements(tables: TableNames, endable: Endable = 'live') {
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

    /**
     * As `rotate`, and $4 amr, $5 idle timeout in ms, $6 absolute timeout in ms, $7 assurance level, $8 awaits a second
     * factor, $9 provider, $10 its session, $11 when authenticated there.
     */
    reauthenticate: defineStatement(
      'reauthenticate',
      rotateText(tables, { event: 'session.reauthenticated', set: freshAuthentication() }),
    ),

    /** As `rotate`, and $4 reason, $5 who or null, $6 retention in ms, for the user's other sessions. */
    rotateAlone: defineStatement(
      'rotate-alone',
      rotateAloneText(tables, { event: 'session.rotated', firstEndValue: 4, endable }),
    ),

    /** As `reauthenticate`, and $12 reason, $13 who or null, $14 retention in ms, for the user's other sessions. */
    reauthenticateAlone: defineStatement(
      'reauthenticate-alone',
      rotateAloneText(tables, {
        event: 'session.reauthenticated',
        set: freshAuthentication(),
        firstEndValue: 12,
        endable,
      }),
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

interface RotateAloneText {
  readonly event: AuditSource['event'];
  readonly set?: string;
  readonly firstEndValue: number;
  readonly endable: Endable;
}

/**
 * As `rotateText`, and the other live sessions of the same user end in the same statement. All are locked in the order
 * of their ids first, as everything that locks several does, so that two cannot deadlock.
 */
function rotateAloneText(
  { sessions, audit }: TableNames,
  { event, set = '', firstEndValue, endable }: RotateAloneText,
): string {
  const isEndable = endable === 'live' ? LIVE : 's.ended_at is null';
  const [reason, actor, retention] = [0, 1, 2].map((offset) => `$${firstEndValue + offset}`);
  return `with clock as materialized (select ${CLOCK_TIME} as at),
locked as materialized (
  select s.id from ${sessions} s
  where (s.id = $1::uuid or s.user_id = (select o.user_id from ${sessions} o where o.id = $1::uuid)) and ${isEndable}
  order by s.id
  for no key update
),
rotated as (
  update ${sessions} s set token_hash = $3::bytea, version = s.version + 1${set}
  from clock, locked
  where s.id = locked.id and s.id = $1::uuid and s.token_hash = $2::bytea and ${LIVE} and ${DECODABLE}
  returning s.*
),
ended as (
  update ${sessions} s
  set ended_at = least(clock.at, s.expires_at), ended_by = case when s.expires_at > clock.at then ${actor}::text end,
    end_reason = case when s.expires_at > clock.at then ${reason}::text else 'expired' end,
    purge_after = clock.at + ${interval(String(retention))}
  from clock, locked
  where s.id = locked.id and s.id <> $1::uuid and ${isEndable} and exists (select from rotated)
  returning s.*
),
audit as (${auditInsert(audit, { from: 'rotated', event, at: CLOCK_TIME })}),
ended_audit as (${auditEnded(audit, 'ended')})
select ${RECORD_COLUMNS}, (select coalesce(json_agg(e), '[]') from (select ${ENDED_COLUMNS} from ended s where s.end_reason <> 'expired') e)::text as ended
from rotated s`;
}

function freshAuthentication(): string {
  const expiresAt = `clock.at + ${interval('least($5::float8, $6::float8)')}`;
  return `, amr = $4::text[], authenticated_at = clock.at, last_seen_at = greatest(s.last_seen_at, clock.at),
    absolute_expires_at = clock.at + ${interval('$6')}, expires_at = ${expiresAt}, purge_after = ${purgeHour(expiresAt)},
    assurance_level = $7::text, awaits_second_factor = $8::boolean, idp_issuer = $9::text, idp_session_id = $10::text,
    idp_authenticated_at = $11::timestamptz`;
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
