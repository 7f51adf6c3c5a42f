import type { EndedSession } from '../../../core/session-record.js';
import type { UserRevocation } from '../../../core/session-store.js';
import { runOperation } from '../operation.js';
import { SessionEnder } from '../session-ender.js';
import { toEnded, type EndedRow } from '../session-row.js';

/** @param minAgeMs - Only sessions that began at least so many ms before the call. Default all. */
export type AgedUserRevocation = UserRevocation & { readonly minAgeMs?: number };

/** Ends sessions for good, also those that are expired and could be moved by a late touch. */
export class DurableEnder extends SessionEnder {
  override async revokeAll({
    userId,
    exceptId,
    reason,
    endedBy,
    minAgeMs = 0,
  }: AgedUserRevocation): Promise<EndedSession[]> {
    const { pool, statements, timeoutMs, retentionMs } = this.parts;
    const askedAtMs = performance.now();
    const values = () => {
      // Sessions that began while this waited for a connection are not meant either.
      const waitedMs = minAgeMs > 0 ? performance.now() - askedAtMs : 0;
      return [userId, exceptId ?? null, reason, endedBy, retentionMs, minAgeMs + waitedMs];
    };
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.query<EndedRow>(operation, statements.revokeAll, values),
    );
    return rows.map(toEnded);
  }
}
