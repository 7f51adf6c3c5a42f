import type { EndedSession } from '../../../core/session/session-record.js';
import type { ProviderRevocation, UserRevocation } from '../../../core/ports/session-store.js';
import { runOperation } from '../connection/operation.js';
import { SessionEnder } from '../operations/session-ender.js';
import { toEnded, type EndedRow } from '../schema/session-row.js';
import type { Statement } from '../connection/statement.js';

interface LeastAge {
  /** Only sessions that began at least so many ms before the call. Default all. */
  readonly minAgeMs?: number;
}

export type AgedUserRevocation = UserRevocation & LeastAge;
export type AgedProviderRevocation = ProviderRevocation & LeastAge;

/** Ends sessions for good, also those that are expired and could be moved by a late touch. */
export class DurableEnder extends SessionEnder {
  override revokeAll({ userId, exceptId, reason, endedBy, minAgeMs }: AgedUserRevocation): Promise<EndedSession[]> {
    const values = [userId, exceptId ?? null, reason, endedBy, this.parts.retentionMs];
    return this.endAged(this.parts.statements.revokeAll, values, minAgeMs);
  }

  override revokeByIdentityProvider(revocation: AgedProviderRevocation): Promise<EndedSession[]> {
    const { issuer, sessionId, userId = null, reason, endedBy, minAgeMs } = revocation;
    const values = [issuer, sessionId, reason, endedBy, this.parts.retentionMs, userId];
    return this.endAged(this.parts.statements.revokeByIdentityProvider, values, minAgeMs);
  }

  private async endAged(statement: Statement, values: readonly unknown[], minAgeMs = 0): Promise<EndedSession[]> {
    const { pool, timeoutMs } = this.parts;
    const askedAtMs = performance.now();
    const agedValues = () => {
      // Sessions that began while this waited for a connection are not meant either.
      const waitedMs = minAgeMs > 0 ? performance.now() - askedAtMs : 0;
      return [...values, minAgeMs + waitedMs];
    };
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.query<EndedRow>(operation, statement, agedValues),
    );
    return rows.map(toEnded);
  }
}
