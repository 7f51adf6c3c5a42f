import type { TableNames } from '../schema/identifiers.js';
import { defineStatement, interval } from '../connection/statement.js';
import { auditEnded } from './audit-insert.js';

export type CleanUpStatements = ReturnType<typeof cleanUpStatements>;

/**
 * Batches by physical position of rows that nobody else has locked: short, and never in anybody's way. Each returns one
 * row with the number of rows handled.
 *
 * @param expiryMarginMs - How long a session has to be expired before it is marked as ended.
 */
export function cleanUpStatements({ sessions, audit, floors }: TableNames, { expiryMarginMs = 0 } = {}) {
  return {
    /**
     * $1 batch size, $2 retention in ms. A session touched since its hour was written has a later expiry and stays. What was
     * ended with everything, and has not been touched since, is marked so here.
     */
    markExpired: defineStatement(
      'mark-expired',
      `with ended as (
  update ${sessions} s
  set purge_after = s.expires_at + ${interval('$2')}, (ended_at, end_reason, ended_by) = (
    select coalesce(f.at, s.expires_at), coalesce(f.reason, 'expired'), f.ended_by
    from (select 1) as always left join lateral (
      select * from ${floors} f where f.before > s.created_at and f.at < s.expires_at order by f.id limit 1
    ) f on true
  )
  where s.ctid = any(array(
    select c.ctid from ${sessions} c
    where c.ended_at is null and c.purge_after <= now() and c.expires_at <= now() - ${interval(String(expiryMarginMs))}
    order by c.purge_after limit $1::integer for update skip locked
  ))
  returning s.*
),
audited as (${auditEnded(audit, 'ended')})
select count(*)::integer as handled from ended`,
    ),

    /** $1 batch size */
    deleteEnded: defineStatement(
      'delete-ended',
      `with deleted as (
  delete from ${sessions} s
  where s.ctid = any(array(
    select c.ctid from ${sessions} c
    where c.ended_at is not null and c.purge_after <= now()
    order by c.purge_after limit $1::integer for update skip locked
  ))
  returning 1
)
select count(*)::integer as handled from deleted`,
    ),

    /** $1 batch size, $2 retention in ms */
    deleteAudit: defineStatement(
      'delete-audit',
      `with deleted as (
  delete from ${audit} a
  where a.ctid = any(array(
    select c.ctid from ${audit} c
    where c.at <= now() - ${interval('$2')}
    order by c.at limit $1::integer for update skip locked
  ))
  returning 1
)
select count(*)::integer as handled from deleted`,
    ),
  };
}
