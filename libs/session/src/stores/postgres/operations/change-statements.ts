import type { TableNames } from '../schema/identifiers.js';
import { ENDED_COLUMNS, RECORD_COLUMNS } from '../schema/session-row.js';
import { CLOCK_TIME, defineStatement, interval, isAboveFloor, purgeHour } from '../connection/statement.js';
import { auditEnded, auditInsert, type AuditSource } from './audit-insert.js';
import type { Endable } from './create-statements.js';

export type ChangeStatements = ReturnType<typeof changeStatements>;

const live = (tables: TableNames) =>
  `s.ended_at is null and s.expires_at > clock_timestamp() and ${isAboveFloor(tables)}`;

/** What is stored was made unreadable by somebody's hand: not for this session to be changed, only ended. */
const DECODABLE = `jsonb_typeof(s.data) = 'object'`;

/**
 * Joins the row of `lockedRow`. Needs a column of each side, so that it cannot be evaluated before the wait for the lock:
 * Postgres evaluates the conditions on a row again after a wait only if the row was changed meanwhile.
 */
const STILL_LIVE_AND_WANTED = `s.id = locked.id and clock_timestamp() < least(s.expires_at, locked.given_up_at)`;

/**
 * Locks the row of id $1 if it is live and as expected. A change that waits for the lock until its caller has given up,
 * $3 ms after it was sent, must not apply: a rotation would sign the user out.
 */
function lockedRow(tables: TableNames, expected: string): string {
  return `locked as materialized (
  select s.id, statement_timestamp() + ${interval('$3')} as given_up_at
  from ${tables.sessions} s
  where s.id = $1::uuid and ${expected} and ${live(tables)} and ${DECODABLE}
  for no key update of s
)`;
}

/** @param endable - Which of the user's other sessions end with `rotateAlone`: as in `createStatements`. */
export function changeStatements(tables: TableNames, endable: Endable = 'live') {
  return {
    /** $1 id, $2 expected version, $3 ms until the caller gives up, $4 data. No row: not live, of another version, or late. */
    update: defineStatement(
      'update',
      `with ${lockedRow(tables, 's.version = $2::integer')}
update ${tables.sessions} s set data = $4::jsonb, version = s.version + 1
from locked where ${STILL_LIVE_AND_WANTED}
returning ${RECORD_COLUMNS}`,
    ),

    /**
     * $1 id, $2 expected token hash, $3 ms until the caller gives up, $4 token hash. No row: not live, of another hash, or
     * late. Leaves no audit row.
     */
    rehash: defineStatement('rehash', rotateText(tables)),

    /** As `rehash`, with an audit row. */
    rotate: defineStatement('rotate', rotateText(tables, { event: 'session.rotated' })),

    /**
     * As `rotate`, and $5 amr, $6 idle timeout in ms, $7 absolute timeout in ms, $8 assurance level, $9 awaits a second
     * factor, $10 provider, $11 its session, $12 when authenticated there.
     */
    reauthenticate: defineStatement(
      'reauthenticate',
      rotateText(tables, { event: 'session.reauthenticated', set: freshAuthentication() }),
    ),

    /** As `rotate`, and $5 reason, $6 who or null, $7 retention in ms, for the user's other sessions. */
    rotateAlone: defineStatement(
      'rotate-alone',
      rotateAloneText(tables, { event: 'session.rotated', firstEndValue: 5, endable }),
    ),

    /** As `reauthenticate`, and $13 reason, $14 who or null, $15 retention in ms, for the user's other sessions. */
    reauthenticateAlone: defineStatement(
      'reauthenticate-alone',
      rotateAloneText(tables, {
        event: 'session.reauthenticated',
        set: freshAuthentication(),
        firstEndValue: 13,
        endable,
      }),
    ),

    touch: defineStatement('touch', touchText(tables)),
  };
}

function rotateText(tables: TableNames, transition?: { event: AuditSource['event']; set?: string }): string {
  const { sessions, audit } = tables;
  const auditing =
    transition &&
    `,
audit as (${auditInsert(audit, { from: 'rotated', event: transition.event, at: CLOCK_TIME })})`;
  return `with clock as materialized (select ${CLOCK_TIME} as at),
${lockedRow(tables, 's.token_hash = $2::bytea')},
rotated as (
  update ${sessions} s set token_hash = $4::bytea, version = s.version + 1${transition?.set ?? ''}
  from clock, locked
  where ${STILL_LIVE_AND_WANTED}
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
 * As `rotateText`, and the other sessions of the same user end in the same statement. All are locked in the order of
 * their ids first, as everything that locks several does, so that two cannot deadlock.
 */
function rotateAloneText(tables: TableNames, { event, set = '', firstEndValue, endable }: RotateAloneText): string {
  const { sessions, audit } = tables;
  const isEndable = endable === 'live' ? live(tables) : `s.ended_at is null and ${isAboveFloor(tables)}`;
  const [reason, actor, retention] = [0, 1, 2].map((offset) => `$${firstEndValue + offset}`);
  return `with clock as materialized (select ${CLOCK_TIME} as at),
locked as materialized (
  select s.id, statement_timestamp() + ${interval('$3')} as given_up_at
  from ${sessions} s
  where (s.id = $1::uuid and s.token_hash = $2::bytea and ${live(tables)} and ${DECODABLE})
    or (s.id <> $1::uuid and s.user_id = (select o.user_id from ${sessions} o where o.id = $1::uuid) and ${isEndable})
  order by s.id
  for no key update of s
),
rotated as (
  update ${sessions} s set token_hash = $4::bytea, version = s.version + 1${set}
  from clock, locked
  where s.id = $1::uuid and ${STILL_LIVE_AND_WANTED}
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
select ${RECORD_COLUMNS},
  (select coalesce(json_agg(e), '[]') from (select ${ENDED_COLUMNS} from ended s where s.end_reason <> 'expired') e)::text
    as ended
from rotated s`;
}

function freshAuthentication(): string {
  const expiresAt = `clock.at + ${interval('least($6::float8, $7::float8)')}`;
  return `, amr = $5::text[], authenticated_at = clock.at, last_seen_at = greatest(s.last_seen_at, clock.at),
    absolute_expires_at = clock.at + ${interval('$7')}, expires_at = ${expiresAt}, purge_after = ${purgeHour(expiresAt)},
    assurance_level = $8::text, awaits_second_factor = $9::boolean, idp_issuer = $10::text, idp_session_id = $11::text,
    idp_authenticated_at = $12::timestamptz`;
}

/**
 * Many touches at once. Rows are locked in the order of their ids, so that two flushes cannot deadlock; indexed columns
 * keep their values unless an hour has passed, so that the update is HOT.
 *
 * $1 ids, $2 ages in ms (how long ago each was seen), $3 idle timeouts in ms, $4 touch intervals in ms.
 * Returns the ids of those that moved.
 */
function touchText(tables: TableNames): string {
  const { sessions } = tables;
  const expiresAt = `greatest(s.expires_at, least(due.seen_at + ${interval('due.idle_ms')}, s.absolute_expires_at))`;
  return `with due as (
  select s.id, seen.seen_at, touched.idle_ms
  from unnest($1::uuid[], $2::float8[], $3::float8[], $4::float8[]) as touched (id, age_ms, idle_ms, interval_ms)
  cross join lateral (select date_trunc('milliseconds', now() - ${interval('touched.age_ms')}) as seen_at) seen
  join ${sessions} s on s.id = touched.id
  where ${live(tables)} and s.last_seen_at <= seen.seen_at - ${interval('touched.interval_ms')}
  order by s.id
  for no key update of s
)
update ${sessions} s
set last_seen_at = greatest(s.last_seen_at, due.seen_at), expires_at = ${expiresAt}, purge_after = ${purgeHour(expiresAt)}
from due
where s.id = due.id
returning s.id::text as id`;
}
