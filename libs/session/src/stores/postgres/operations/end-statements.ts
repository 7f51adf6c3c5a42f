import type { TableNames } from '../schema/identifiers.js';
import { ENDED_COLUMNS } from '../schema/session-row.js';
import { CLOCK_TIME, defineStatement, interval, isAboveFloor, unixMs } from '../connection/statement.js';
import type { UserIdType } from '../schema/user-id-type.js';
import { auditEnded } from './audit-insert.js';

export type EndStatements = ReturnType<typeof endStatements>;

/** Which sessions rest on session $2 of issuer $1, of user $6 if that is not null. */
export function restsOnProvider(userIdType: UserIdType): string {
  return `s.idp_session_id = $2::text and s.idp_issuer = $1::text
    and ($6::${userIdType} is null or s.user_id = $6::${userIdType})`;
}

/** All return what they ended, and leave the audit rows. */
export function endStatements(tables: TableNames, userIdType: UserIdType) {
  const { sessions, audit } = tables;
  const live = `s.ended_at is null and s.expires_at > clock_timestamp() and ${isAboveFloor(tables)}`;
  const end = `ended_at = ${CLOCK_TIME}, end_reason = $3::text, ended_by = $4::text,
    purge_after = ${CLOCK_TIME} + ${interval('$5')}`;
  const outcome = `audited as (${auditEnded(audit, 'ended')})
select ${ENDED_COLUMNS} from ended s`;
  const endMany = (condition: string) => `with leaving as (
  select s.id from ${sessions} s
  where ${condition} and ${live}
  order by s.id
  for no key update
),
ended as (
  update ${sessions} s set ${end}
  from leaving where s.id = leaving.id
  returning s.*
),
${outcome}`;
  return {
    /** $1 id, $2 user id or null for anybody's, $3 reason, $4 who or null, $5 retention in ms */
    revoke: defineStatement(
      'revoke',
      `with ended as (
  update ${sessions} s set ${end}
  where s.id = $1::uuid and ($2::${userIdType} is null or s.user_id = $2::${userIdType}) and ${live}
  returning s.*
),
${outcome}`,
    ),

    /** $1 user id, $2 id to leave alone or null, $3 reason, $4 who or null, $5 retention in ms. Locks in id order. */
    revokeAll: defineStatement(
      'revoke-all',
      endMany(`s.user_id = $1::${userIdType} and s.id is distinct from $2::uuid`),
    ),

    /** $1 issuer, $2 session there, $3 reason, $4 who or null, $5 retention in ms, $6 user id or null for anybody's. */
    revokeByIdentityProvider: defineStatement('revoke-by-identity-provider', endMany(restsOnProvider(userIdType))),

    revokeEverything: revokeEverythingStatement(tables),
  };
}

/**
 * $1 instant or null for now, $2 reason, $3 who or null. One row in a small table, which every other statement reads. No row
 * returned: another one was made at the same moment, so it has to be tried again.
 *
 * Numbers follow each other in the order of the commits, as each is counted on from those that are committed. What began in
 * the same ms began before.
 */
export function revokeEverythingStatement({ floors, audit }: TableNames) {
  return defineStatement(
    'revoke-everything',
    `with clock as materialized (select ${CLOCK_TIME} as at),
floor as (
  insert into ${floors} (id, before, at, reason, ended_by)
  select (select coalesce(max(f.id), 0) + 1 from ${floors} f),
    least($1::timestamptz, clock.at + interval '1 millisecond'), clock.at, $2::text, $3::text
  from clock
  on conflict (id) do nothing
  returning *
),
audited as (
  insert into ${audit} (at, event, reason, actor) select at, 'everything.ended', reason, ended_by from floor
)
select id::text as id, ${unixMs('before')} as before_ms from floor`,
  );
}
