import type { TableNames } from '../identifiers.js';
import { ENDED_COLUMNS } from '../session-row.js';
import { CLOCK_TIME, defineStatement, interval } from '../statement.js';
import type { UserIdType } from '../user-id-type.js';
import { auditEnded } from './audit-insert.js';

export type EndStatements = ReturnType<typeof endStatements>;

const LIVE = `s.ended_at is null and s.expires_at > clock_timestamp()`;

/** Both return the sessions that they ended, and leave their audit rows. */
export function endStatements({ sessions, audit }: TableNames, userIdType: UserIdType) {
  const end = `ended_at = ${CLOCK_TIME}, end_reason = $3::text, ended_by = $4::text,
    purge_after = ${CLOCK_TIME} + ${interval('$5')}`;
  const outcome = `audited as (${auditEnded(audit, 'ended')})
select ${ENDED_COLUMNS} from ended s`;
  return {
    /** $1 id, $2 user id or null for anybody's, $3 reason, $4 who or null, $5 retention in ms */
    revoke: defineStatement(
      'revoke',
      `with ended as (
  update ${sessions} s set ${end}
  where s.id = $1::uuid and ($2::${userIdType} is null or s.user_id = $2::${userIdType}) and ${LIVE}
  returning s.*
),
${outcome}`,
    ),

    /** $1 user id, $2 id to leave alone or null, $3 reason, $4 who or null, $5 retention in ms. Locks in id order. */
    revokeAll: defineStatement(
      'revoke-all',
      `with leaving as (
  select s.id from ${sessions} s
  where s.user_id = $1::${userIdType} and s.id is distinct from $2::uuid and ${LIVE}
  order by s.id
  for no key update
),
ended as (
  update ${sessions} s set ${end}
  from leaving where s.id = leaving.id
  returning s.*
),
${outcome}`,
    ),
  };
}
