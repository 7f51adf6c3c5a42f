import { createHash } from 'node:crypto';
import { KeyedQueue } from '../../../core/support/keyed-queue.js';
import type { CreateOutcome, NewSession } from '../../../core/ports/session-store.js';
import type { Operation } from '../connection/operation.js';
import type { Connection, PostgresPool } from '../connection/postgres-pool.js';
import { authenticationValues, toDate, toEndedMany, toRecord, type SessionRow } from '../schema/session-row.js';
import type { CreateStatements } from './create-statements.js';

interface CreateRow extends SessionRow {
  readonly is_free: boolean;
  /** JSON array of `EndedRow`. */
  readonly ended: string;
}

export interface SessionCreatorParts {
  readonly pool: PostgresPool;
  readonly statements: CreateStatements;
  readonly retentionMs: number;
}

/**
 * Creates sessions. Without a limit that is one statement. With one, creations of a user wait for each other: in this
 * process in a queue, so that they hold one connection at a time, and across processes by an advisory lock. The insert
 * is a statement of its own after the lock, and so sees every session that was committed before.
 */
export class SessionCreator {
  private readonly queue = new KeyedQueue();

  constructor(private readonly parts: SessionCreatorParts) {}

  create(session: NewSession, operation: Operation): Promise<CreateOutcome> {
    const { userId, limit } = session;
    if (userId === null || !limit) return this.createAtOnce(session, operation);
    return this.queue.run(userId, () => this.createInTurn({ ...session, userId, limit }, operation));
  }

  private async createAtOnce(session: NewSession, operation: Operation): Promise<CreateOutcome> {
    const { pool, statements } = this.parts;
    return toOutcome(await pool.query<CreateRow>(operation, statements.create, this.valuesOf(session)));
  }

  private createInTurn(session: LimitedSession, operation: Operation): Promise<CreateOutcome> {
    const { max, onLimit } = session.limit;
    const values = [...this.valuesOf(session), max, onLimit === 'revoke-oldest'];
    const begin = `set local statement_timeout = ${operation.timeoutMs};
      set local idle_in_transaction_session_timeout = ${2 * operation.timeoutMs};
      select pg_advisory_xact_lock(${lockKeyOf(session.userId)})`;
    return this.parts.pool.transaction(operation, begin, async (connection: Connection) =>
      toOutcome(await connection.run<CreateRow>(this.parts.statements.createLimited, values)),
    );
  }

  private valuesOf(session: NewSession): unknown[] {
    return [
      session.id,
      session.userId,
      Buffer.from(session.tokenHash),
      JSON.stringify(session.data),
      [...session.amr],
      session.ipAddress,
      session.userAgent,
      session.device,
      session.idleTimeoutMs,
      session.absoluteTimeoutMs,
      session.replaces ?? null,
      this.parts.retentionMs,
      ...authenticationValues(session),
    ];
  }
}

type LimitedSession = NewSession & { readonly userId: string; readonly limit: NonNullable<NewSession['limit']> };

/** A 64-bit number in decimal. Users who share one only wait for each other. */
function lockKeyOf(userId: string): string {
  const digest = createHash('sha256').update('nest-sessions limit\0').update(userId).digest();
  return digest.readBigInt64BE().toString();
}

function toOutcome([row]: readonly CreateRow[]): CreateOutcome {
  if (!row?.is_free) return { created: false, reason: 'limit' };
  const record = row.id === null ? undefined : toRecord(row);
  if (!record) return { created: false, reason: 'id-taken' };
  return { created: true, record, now: toDate(row.now_ms), ended: toEndedMany(row.ended) };
}
