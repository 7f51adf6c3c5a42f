import { createHash } from 'node:crypto';
import type { CleanUpOutcome, CleanUpStep } from '../../../core/ports/session-store.js';
import type { Operation } from '../connection/operation.js';
import type { Connection, PostgresPool } from '../connection/postgres-pool.js';
import { interval } from '../connection/sql-expressions.js';
import { defineStatement, type Query } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import { auditEnded } from './audit-insert.js';

/**
 * Each statement handles one batch of rows that are not locked, by their physical position, and so never waits. It returns
 * one row with the number of rows that it handled.
 *
 * A session that expired before the retention began is deleted with its audit row by one statement. Marking it first would
 * write it twice.
 *
 * @param expiryMarginMs - How long a session has to be expired before it is marked as ended.
 */
export function cleanUpStatements({ sessions, audit, floors }: TableNames, { expiryMarginMs = 0 } = {}) {
  const hasExpired = `c.expires_at <= now() - ${interval(String(expiryMarginMs))}`;
  const firstCutoff = (session: string) =>
    `select * from ${floors} f where f.before > ${session}.created_at and f.at < ${session}.expires_at order by f.id limit 1`;
  return {
    /** `purge_after` is never before the expiry, so it finds no session that has not expired that long ago. */
    deleteExpired: defineStatement(
      'delete-expired',
      { batchSize: 'integer', retentionMs: 'float8' },
      (p) => `with deleted as (
  delete from ${sessions} s
  where s.ctid = any(array(
    select c.ctid from ${sessions} c
    where c.ended_at is null and c.purge_after <= now() - ${interval(p.retentionMs)} and ${hasExpired}
      and c.expires_at <= now() - ${interval(p.retentionMs)}
    order by c.purge_after limit ${p.batchSize} for update skip locked
  ))
  returning s.id, s.user_id, s.created_at, s.expires_at, s.ip_address, s.user_agent
),
ended as (
  select d.id, d.user_id, d.ip_address, d.user_agent, coalesce(f.at, d.expires_at) as ended_at,
    coalesce(f.reason, 'expired') as end_reason, f.ended_by
  from deleted d left join lateral (${firstCutoff('d')}) f on true
),
audited as (${auditEnded(audit, 'ended')})
select count(*)::integer as handled from deleted`,
    ),

    /**
     * A session that was touched since its purge hour was written has a later expiry and stays. Sessions that ended by
     * `revokeEverything`, and have not been touched since, get that end here.
     */
    markExpired: defineStatement(
      'mark-expired',
      { batchSize: 'integer', retentionMs: 'float8' },
      (p) => `with ended as (
  update ${sessions} s
  set purge_after = s.expires_at + ${interval(p.retentionMs)}, (ended_at, end_reason, ended_by) = (
    select coalesce(f.at, s.expires_at), coalesce(f.reason, 'expired'), f.ended_by
    from (select 1) as always left join lateral (${firstCutoff('s')}) f on true
  )
  where s.ctid = any(array(
    select c.ctid from ${sessions} c
    where c.ended_at is null and c.purge_after <= now() and ${hasExpired}
    order by c.purge_after limit ${p.batchSize} for update skip locked
  ))
  returning s.*
),
audited as (${auditEnded(audit, 'ended')})
select count(*)::integer as handled from ended`,
    ),

    deleteEnded: defineStatement(
      'delete-ended',
      { batchSize: 'integer' },
      (p) => `with deleted as (
  delete from ${sessions} s
  where s.ctid = any(array(
    select c.ctid from ${sessions} c
    where c.ended_at is not null and c.purge_after <= now()
    order by c.purge_after limit ${p.batchSize} for update skip locked
  ))
  returning 1
)
select count(*)::integer as handled from deleted`,
    ),

    deleteAudit: defineStatement(
      'delete-audit',
      { batchSize: 'integer', auditRetentionMs: 'float8' },
      (p) => `with deleted as (
  delete from ${audit} a
  where a.ctid = any(array(
    select c.ctid from ${audit} c
    where c.at <= now() - ${interval(p.auditRetentionMs)}
    order by c.at limit ${p.batchSize} for update skip locked
  ))
  returning 1
)
select count(*)::integer as handled from deleted`,
    ),
  };
}

/**
 * Every batch walks its index in order and stops. After a mass sign-in, or without statistics, the planner would rather
 * collect and sort all expired rows for every batch.
 */
export const CLEAN_UP_PLANNING = 'set local enable_bitmapscan = off';

export interface SessionCleanerParts {
  readonly pool: PostgresPool;
  readonly tables: TableNames;
  readonly statements: ReturnType<typeof cleanUpStatements>;
  readonly retentionMs: number;
  readonly auditRetentionMs: number;
}

const TRY_LOCK = defineStatement(
  'clean-up-lock',
  { key: 'bigint' },
  (p) => `select pg_try_advisory_xact_lock(${p.key}) as is_mine`,
);
const BUSY: CleanUpOutcome = { expired: 0, purged: 0, auditPurged: 0, state: 'busy' };

/** Cleans up in short transactions, on one connection and one instance at a time, without waiting for any lock. */
export class PostgresSessionCleaner {
  private readonly lockKey: string;

  constructor(private readonly parts: SessionCleanerParts) {
    const digest = createHash('sha256').update('nest-sessions clean-up\0').update(parts.tables.sessions).digest();
    this.lockKey = digest.readBigInt64BE().toString();
  }

  cleanUp({ batchSize }: CleanUpStep, operation: Operation): Promise<CleanUpOutcome> {
    const { pool, statements, retentionMs, auditRetentionMs } = this.parts;
    const begin = `set local statement_timeout = ${operation.timeoutMs};
      set local idle_in_transaction_session_timeout = ${operation.timeoutMs}; ${CLEAN_UP_PLANNING}`;
    return pool.transaction(operation, begin, async (connection) => {
      const [lock] = await connection.run<{ is_mine: boolean }>(TRY_LOCK.bind({ key: this.lockKey }));
      if (!lock?.is_mine) return BUSY;
      const deleted = await count(connection, statements.deleteExpired.bind({ batchSize, retentionMs }));
      // After a full batch, the next rows in order may be ones to delete as well.
      const isMarking = deleted < batchSize;
      const marked = isMarking ? await count(connection, statements.markExpired.bind({ batchSize, retentionMs })) : 0;
      const purged = await count(connection, statements.deleteEnded.bind({ batchSize }));
      const auditPurged = await count(connection, statements.deleteAudit.bind({ batchSize, auditRetentionMs }));
      const state = Math.max(deleted, marked, purged, auditPurged) < batchSize ? 'done' : 'more';
      return { expired: deleted + marked, purged: deleted + purged, auditPurged, state };
    });
  }
}

async function count(connection: Connection, query: Query): Promise<number> {
  const [row] = await connection.run<{ handled: unknown }>(query);
  return Number(row?.handled);
}
