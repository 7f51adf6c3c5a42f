import type { TableNames } from '../schema/identifiers.js';
import { ENDED_COLUMNS } from '../schema/session-row.js';
import { CLOCK_TIME, defineStatement, interval, isAboveFloor, purgeHour } from '../connection/statement.js';
import { auditEnded } from '../operations/audit-insert.js';
import { restsOnProvider, revokeEverythingStatement } from '../operations/end-statements.js';
import type { UserIdType } from '../schema/user-id-type.js';

export type DurableStatements = ReturnType<typeof durableStatements>;

/** What differs when sessions are also touched elsewhere, so that the news of it may be late. */
export function durableStatements(tables: TableNames, userIdType: UserIdType) {
  const { hotChanges, floors, sessions } = tables;
  const hasUser = `s.user_id = $1::${userIdType}`;
  return {
    /** $1 id, $2 user id or null for anybody's, $3 reason, $4 who or null, $5 retention in ms */
    revoke: defineStatement(
      'durable-revoke',
      endText(tables, `s.id = $1::uuid and ($2::${userIdType} is null or s.user_id = $2::${userIdType})`),
    ),

    /** $1 user id, $2 id to leave alone or null, $3 reason, $4 who or null, $5 retention in ms, $6 least age in ms */
    revokeAll: defineStatement(
      'durable-revoke-all',
      endText(tables, `${hasUser} and s.id is distinct from $2::uuid and s.created_at <= clock.at - ${interval('$6')}`),
    ),

    /**
     * $1 issuer, $2 session there, $3 reason, $4 who or null, $5 retention in ms, $6 user id or null for anybody's,
     * $7 least age in ms
     */
    revokeByIdentityProvider: defineStatement(
      'durable-revoke-by-identity-provider',
      endText(tables, `${restsOnProvider(userIdType)} and s.created_at <= clock.at - ${interval('$7')}`),
    ),

    revokeEverything: revokeEverythingStatement(tables),

    findEpoch: defineStatement('find-epoch', `select coalesce(max(id), 0)::text as epoch from ${floors}`),

    touch: defineStatement('durable-touch', touchText(tables)),

    /** $1 id, $2 version on the hot side, $3 data. Of what was made unreadable by somebody's hand nothing is written. */
    mergeData: defineStatement(
      'durable-merge-data',
      `update ${sessions} s set data = $3::jsonb, version = s.version + 1, hot_data_version = $2::bigint
where s.id = $1::uuid and s.ended_at is null and jsonb_typeof(s.data) = 'object'
  and (s.hot_data_version is null or s.hot_data_version < $2::bigint)`,
    ),

    /** $1 how many at most */
    listChanges: defineStatement(
      'list-hot-changes',
      `select key::text as key, session_id::text as id, kind from ${hotChanges} c order by c.key limit $1::integer`,
    ),

    /** $1 keys. Of two who forget the same at once, neither waits. */
    forgetChanges: defineStatement(
      'forget-hot-changes',
      `delete from ${hotChanges} where key = any(array(
  select key from ${hotChanges} where key = any($1::bigint[]) order by key for update skip locked
))`,
    ),
  };
}

/**
 * Ends whatever has not ended, in the order of the ids. What is expired is ended as expired, and is not among the rows
 * returned: a touch from before its expiry that is still on its way must not bring back what was revoked meanwhile.
 */
function endText(tables: TableNames, condition: string): string {
  const { sessions, audit } = tables;
  return `with clock as materialized (select ${CLOCK_TIME} as at),
leaving as (
  select s.id, s.expires_at > clock.at as is_live
  from ${sessions} s, clock
  where ${condition} and s.ended_at is null and ${isAboveFloor(tables)}
  order by s.id
  for no key update of s
),
ended as (
  update ${sessions} s
  set ended_at = least(clock.at, s.expires_at), purge_after = clock.at + ${interval('$5')},
    end_reason = case when leaving.is_live then $3::text else 'expired' end,
    ended_by = case when leaving.is_live then $4::text end
  from leaving, clock where s.id = leaving.id
  returning s.*
),
audited as (${auditEnded(audit, 'ended')})
select ${ENDED_COLUMNS} from ended s where s.ended_at < s.expires_at`;
}

/**
 * Many touches at once, each applied to a session that was live when it was asked for, even if it has expired since. Rows
 * are locked in the order of their ids; indexed columns keep their values unless an hour has passed, so that the update
 * is HOT. What somebody let expire by hand stays so, because its absolute expiry was moved along.
 *
 * $1 ids, $2 ages in ms (how long ago each was seen), $3 ages in ms of the first touch not written yet, $4 idle timeouts
 * in ms, $5 touch intervals in ms. Returns the ids of those that are live and were due; without an interval each one is.
 * What was found and what was moved is not joined, because that would cost more than all the rest.
 */
function touchText(tables: TableNames): string {
  const { sessions } = tables;
  const latestExpiry = `least(due.seen_at + ${interval('due.idle_ms')}, s.absolute_expires_at)`;
  const expiresAt = `greatest(s.expires_at, ${latestExpiry})`;
  return `with touched as (
  select t.id, t.idle_ms, t.interval_ms, ${ago('t.age_ms')} as seen_at, ${ago('t.first_age_ms')} as first_seen_at
  from unnest($1::uuid[], $2::float8[], $3::float8[], $4::float8[], $5::float8[])
    as t (id, age_ms, first_age_ms, idle_ms, interval_ms)
),
due as (
  select touched.*, s.expires_at
  from touched join ${sessions} s on s.id = touched.id
  where s.ended_at is null and s.expires_at > touched.first_seen_at and ${isAboveFloor(tables)}
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
select id::text from moved where is_told`;
}

function ago(ms: string): string {
  return `date_trunc('milliseconds', now() - ${interval(ms)})`;
}
