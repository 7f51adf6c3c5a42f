/** Returns SQL that writes one audit row for each row of a common table expression of whole session rows. */
export function auditInsert(audit: string, { from, event, at, reason = 'null', actor = 'null' }: AuditSource): string {
  return `insert into ${audit} (at, event, session_id, user_id, reason, actor, ip_address, user_agent)
  select ${at}, '${event}', id, user_id, ${reason}, ${actor}, ip_address, user_agent from ${from}`;
}

export interface AuditSource {
  readonly from: string;
  readonly event: 'session.created' | 'session.rotated' | 'session.reauthenticated' | 'session.ended';
  /** SQL over the columns of the source, like `reason` and `actor`. */
  readonly at: string;
  readonly reason?: string;
  readonly actor?: string;
}

/** Returns SQL that writes the audit rows of the sessions that a statement ended. */
export function auditEnded(audit: string, from: string): string {
  return auditInsert(audit, { from, event: 'session.ended', at: 'ended_at', reason: 'end_reason', actor: 'ended_by' });
}
