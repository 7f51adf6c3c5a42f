import type { SessionDataChange, UpdateOutcome } from '../../../core/ports/session-store.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { defineStatement } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import { RECORD_COLUMNS } from '../schema/session-row.js';
import { IS_STILL_LIVE_AND_WANTED, lockedRow, runChange } from './conditional-change.js';
import type { PostgresSessionFinder } from './find.js';

/** Replaces the data of one version. It returns no row when the session is not live or of another version, or too late. */
export function updateStatement(tables: TableNames) {
  return defineStatement(
    'update',
    { id: 'uuid', expectedVersion: 'integer', timeLeftMs: 'float8', data: 'jsonb' },
    (p) => `with ${lockedRow(tables, p, `s.version = ${p.expectedVersion}`)}
update ${tables.sessions} s set data = ${p.data}, version = s.version + 1
from locked where ${IS_STILL_LIVE_AND_WANTED}
returning ${RECORD_COLUMNS}`,
  );
}

export interface SessionUpdaterParts {
  readonly pool: PostgresPool;
  readonly statement: ReturnType<typeof updateStatement>;
  readonly finder: PostgresSessionFinder;
  readonly timeoutMs: number;
}

/**
 * Replaces the data of live sessions. When a change did not apply, a second statement finds the reason, and sees everything
 * that was committed meanwhile.
 */
export class PostgresSessionUpdater {
  constructor(private readonly parts: SessionUpdaterParts) {}

  async update({ id, expectedVersion, data }: SessionDataChange): Promise<UpdateOutcome> {
    const { statement, finder } = this.parts;
    const json = JSON.stringify(data);
    const changed = await runChange(this.parts, (timeLeftMs) =>
      statement.bind({ id, expectedVersion, timeLeftMs, data: json }),
    );
    if (changed) return { applied: true, ...changed };
    const found = await finder.find(id);
    if (!found.live) return { applied: false, reason: 'absent' };
    return { applied: false, reason: 'conflict', record: found.record, now: found.now };
  }
}
