import type { TableNames } from '../schema/identifiers.js';
import { ENDED_COLUMNS, RECORD_COLUMNS } from '../schema/session-row.js';
import { CLOCK_TIME, defineStatement, floorOf, interval, isAboveFloor, purgeHour } from '../connection/statement.js';
import type { UserIdType } from '../schema/user-id-type.js';
import { auditEnded, auditInsert } from './audit-insert.js';

export type CreateStatements = ReturnType<typeof createStatements>;

/** Which rows a creation may end: those that are live, or whatever has not ended. */
export type Endable = 'live' | 'not-ended';

const UNLIMITED = `room as (select true as is_free),
victims as (select null::uuid as id where false)`;

/**
 * A session that is created after everything was ended stands, even if the clock was set back since: it begins at the
 * floor at the earliest.
 *
 * One statement each: the new session, the end of the one that it replaces and of those that must make room, and the
 * audit rows of all. One row is returned: with a null id nothing was created, because of the limit or because the id
 * is taken.
 *
 * $1 id, $2 user id, $3 token hash, $4 data, $5 amr, $6 IP address, $7 user agent, $8 device, $9 idle timeout in ms,
 * $10 absolute timeout in ms, $11 id to replace or null, $12 retention in ms,
 * $13 assurance level, $14 awaits a second factor, $15 provider, $16 its session, $17 when authenticated there
 *
 * @param endable - `not-ended`: expired sessions in the way are ended too, as expired, and not told of.
 */
export function createStatements(tables: TableNames, userIdType: UserIdType, endable: Endable = 'live') {
  const limit = limited(tables, userIdType, endable);
  return {
    create: defineStatement('create', createText({ tables, userIdType, endable, limit: UNLIMITED })),

    /**
     * $18 the most live sessions, $19 whether the oldest make room, those that await their second factor first. Only exact
     * while the user's lock is held that was taken by an earlier statement of the same READ COMMITTED transaction.
     */
    createLimited: defineStatement('create-limited', createText({ tables, userIdType, endable, limit })),
  };
}

function limited(tables: TableNames, userIdType: UserIdType, endable: Endable): string {
  const { sessions } = tables;
  const expired = `
  union all
  select s.id from ${sessions} s, clock
  where s.user_id = $2::${userIdType} and s.ended_at is null and s.expires_at <= clock.at`;
  return `others as (
  select s.id, s.created_at, s.awaits_second_factor from ${sessions} s, clock
  where s.user_id = $2::${userIdType} and s.ended_at is null and s.expires_at > clock.at and s.id is distinct from $11::uuid
    and ${isAboveFloor(tables)}
),
room as (select $19::boolean or (select count(*) from others) < $18::bigint as is_free),
victims as (
  (select id from others order by awaits_second_factor desc, created_at, id
  limit case when $19::boolean then greatest(0, (select count(*) from others) + 1 - $18::bigint) else 0 end)${
    endable === 'live' ? '' : expired
  }
)`;
}

interface CreateTextParts {
  readonly tables: TableNames;
  readonly userIdType: UserIdType;
  readonly endable: Endable;
  readonly limit: string;
}

function createText({ tables, userIdType, endable, limit }: CreateTextParts): string {
  const { sessions, audit } = tables;
  const absoluteExpiresAt = `clock.at + ${interval('$10')}`;
  const expiresAt = `clock.at + ${interval('least($9::float8, $10::float8)')}`;
  return `with clock as materialized (select ${CLOCK_TIME} as at),
${limit},
created as (
  insert into ${sessions} (id, user_id, token_hash, data, amr, ip_address, user_agent, device, version,
    created_at, last_seen_at, authenticated_at, absolute_expires_at, expires_at, purge_after, assurance_level,
    awaits_second_factor, idp_issuer, idp_session_id, idp_authenticated_at)
  select $1::uuid, $2::${userIdType}, $3::bytea, $4::jsonb, $5::text[], $6::inet, $7::text, $8::text, 1,
    greatest(clock.at, ${floorOf(tables)}), clock.at, case when $2::${userIdType} is not null then clock.at end,
    ${absoluteExpiresAt}, ${expiresAt}, ${purgeHour(expiresAt)}, $13::text, $14::boolean, $15::text, $16::text, $17::timestamptz
  from clock, room where room.is_free
  on conflict (id) do nothing
  returning *
),
leaving as (
  select s.id, case when s.expires_at <= clock.at then 'expired' when s.id = $11::uuid then 'replaced' else 'evicted' end
    as reason
  from ${sessions} s, clock
  where (s.id = $11::uuid or s.id in (select id from victims)) and s.id <> $1::uuid
    and s.ended_at is null and ${isAboveFloor(tables)}${endable === 'live' ? ' and s.expires_at > clock_timestamp()' : ''} and exists (select from created)
  order by s.id
  for no key update of s
),
ended as (
  update ${sessions} s
  set ended_at = least(clock.at, s.expires_at), end_reason = leaving.reason, purge_after = clock.at + ${interval('$12')}
  from leaving, clock
  where s.id = leaving.id
  returning s.*
),
created_audit as (${auditInsert(audit, { from: 'created', event: 'session.created', at: 'created_at' })}),
ended_audit as (${auditEnded(audit, 'ended')})
select ${RECORD_COLUMNS}, room.is_free,
  (select coalesce(json_agg(e), '[]') from (select ${ENDED_COLUMNS} from ended s where s.end_reason <> 'expired') e)::text as ended
from room left join created s on true`;
}
