import type { EndedEverything, EndedSession } from '../../../core/session/session-record.js';
import type {
  ProviderRevocation,
  SessionRevocation,
  TotalRevocation,
  UserRevocation,
} from '../../../core/ports/session-store.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { toDate, toEnded, type EndedRow } from '../schema/session-row.js';
import type { Statement } from '../connection/statement.js';
import type { EndStatements } from './end-statements.js';

export interface SessionEnderParts {
  readonly pool: PostgresPool;
  readonly statements: EndStatements;
  readonly timeoutMs: number;
  readonly retentionMs: number;
}

/** Ends live sessions, with their audit rows. What has resolved is committed. */
export class SessionEnder {
  constructor(protected readonly parts: SessionEnderParts) {}

  async revoke({ id, userId, reason, endedBy }: SessionRevocation): Promise<EndedSession | undefined> {
    const [ended] = await this.end(this.parts.statements.revoke, [id, userId ?? null, reason, endedBy]);
    return ended;
  }

  revokeAll({ userId, exceptId, reason, endedBy }: UserRevocation): Promise<EndedSession[]> {
    return this.end(this.parts.statements.revokeAll, [userId, exceptId ?? null, reason, endedBy]);
  }

  async revokeByIdentityProvider(revocation: ProviderRevocation): Promise<EndedSession[]> {
    const { pool, statements, timeoutMs, retentionMs } = this.parts;
    const { issuer, sessionId, userId = null, reason, endedBy } = revocation;
    const values = [issuer, sessionId, reason, endedBy, retentionMs, userId];
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.query<EndedRow>(operation, statements.revokeByIdentityProvider, values),
    );
    return rows.map(toEnded);
  }

  /** @returns With the number of this end, counted in the order of the commits. */
  revokeEverything({ before, reason, endedBy }: TotalRevocation): Promise<EndedEverything & { epoch: number }> {
    const { pool, statements, timeoutMs } = this.parts;
    return runOperation({ timeoutMs }, async (operation) => {
      for (;;) {
        operation.assertNotOver();
        const [row] = await pool.query<{ id: string; before_ms: unknown }>(operation, statements.revokeEverything, [
          before ?? null,
          reason,
          endedBy,
        ]);
        if (row) return { before: toDate(row.before_ms), endReason: reason, endedBy, epoch: Number(row.id) };
      }
    });
  }

  private async end(statement: Statement, values: readonly unknown[]): Promise<EndedSession[]> {
    const { pool, timeoutMs, retentionMs } = this.parts;
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.query<EndedRow>(operation, statement, [...values, retentionMs]),
    );
    return rows.map(toEnded);
  }
}
