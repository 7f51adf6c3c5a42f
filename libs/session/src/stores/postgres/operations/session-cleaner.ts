import { createHash } from 'node:crypto';
import type { CleanUpOutcome, CleanUpStep } from '../../../core/ports/session-store.js';
import type { TableNames } from '../schema/identifiers.js';
import type { Operation } from '../connection/operation.js';
import type { Connection, PostgresPool } from '../connection/postgres-pool.js';
import { defineStatement, type Statement } from '../connection/statement.js';
import type { CleanUpStatements } from './clean-up-statements.js';

export interface SessionCleanerParts {
  readonly pool: PostgresPool;
  readonly tables: TableNames;
  readonly statements: CleanUpStatements;
  readonly retentionMs: number;
  readonly auditRetentionMs: number;
}

const TRY_LOCK = defineStatement('clean-up-lock', 'select pg_try_advisory_xact_lock($1::bigint) as is_mine');
const BUSY: CleanUpOutcome = { expired: 0, purged: 0, auditPurged: 0, state: 'busy' };

/** Cleans up in short transactions, on one connection and one instance at a time, without ever waiting for anybody. */
export class SessionCleaner {
  private readonly lockKey: string;

  constructor(private readonly parts: SessionCleanerParts) {
    const digest = createHash('sha256').update('nest-sessions clean-up\0').update(parts.tables.sessions).digest();
    this.lockKey = digest.readBigInt64BE().toString();
  }

  cleanUp({ batchSize }: CleanUpStep, operation: Operation): Promise<CleanUpOutcome> {
    const { pool, statements, retentionMs, auditRetentionMs } = this.parts;
    const begin = `set local statement_timeout = ${operation.timeoutMs};
      set local idle_in_transaction_session_timeout = ${operation.timeoutMs}`;
    return pool.transaction(operation, begin, async (connection) => {
      const [lock] = await connection.run<{ is_mine: boolean }>(TRY_LOCK, [this.lockKey]);
      if (!lock?.is_mine) return BUSY;
      const expired = await count(connection, statements.markExpired, [batchSize, retentionMs]);
      const purged = await count(connection, statements.deleteEnded, [batchSize]);
      const auditPurged = await count(connection, statements.deleteAudit, [batchSize, auditRetentionMs]);
      const state = Math.max(expired, purged, auditPurged) < batchSize ? 'done' : 'more';
      return { expired, purged, auditPurged, state };
    });
  }
}

async function count(connection: Connection, statement: Statement, values: readonly unknown[]): Promise<number> {
  const [row] = await connection.run<{ handled: unknown }>(statement, values);
  return Number(row?.handled);
}
