import type { SessionList, SessionListQuery } from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { isAfterCutoff, TRANSACTION_TIME } from '../connection/sql-expressions.js';
import { defineStatement } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import { RECORD_COLUMNS, toDate, toRecord, type SessionRow } from '../schema/session-row.js';
import type { UserIdType } from '../schema/user-id-type.js';

/**
 * The live sessions of a user, as of the start of the transaction. It returns at least one row, with a null id if there
 * are none. `part` is what the data must contain; null accepts any data.
 */
export function listStatement(tables: TableNames, userIdType: UserIdType) {
  return defineStatement(
    'list-by-user',
    { userId: userIdType, part: 'jsonb' },
    (p) => `select ${RECORD_COLUMNS}
from (select ${TRANSACTION_TIME}) clock
left join ${tables.sessions} s on s.user_id = ${p.userId} and s.ended_at is null and s.expires_at > now()
  and ${isAfterCutoff(tables)} and (${p.part} is null or s.data @> ${p.part})`,
  );
}

export interface SessionListerParts {
  readonly pool: PostgresPool;
  readonly statement: ReturnType<typeof listStatement>;
  readonly timeoutMs: number;
  readonly logger: SessionLogger;
}

/** Lists the live sessions of users, always on the primary. */
export class PostgresSessionLister {
  constructor(private readonly parts: SessionListerParts) {}

  async listByUser({ userId, dataContains }: SessionListQuery): Promise<SessionList> {
    const { pool, statement, timeoutMs } = this.parts;
    const part = dataContains === undefined ? null : JSON.stringify(dataContains);
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.read<SessionRow>(operation, statement.bind({ userId, part })),
    );
    const records = rows.filter((row) => row.id !== null).flatMap((row) => toRecord(row) ?? this.skip(row));
    return { records, now: toDate(rows[0]?.now_ms) };
  }

  private skip({ id }: SessionRow): [] {
    this.parts.logger.warn(`session ${id} cannot be decoded and was left out of a list`);
    return [];
  }
}
