import type {
  RotateOutcome,
  SessionDataChange,
  SessionRotation,
  UpdateOutcome,
} from '../../../core/ports/session-store.js';
import { runOperation } from '../connection/operation.js';
import { unavailable } from '../connection/postgres-errors.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import type { SessionFinder } from './session-finder.js';
import { authenticationValues, toDate, toEndedMany, toRecord, type SessionRow } from '../schema/session-row.js';
import type { Statement } from '../connection/statement.js';
import type { ChangeStatements } from './change-statements.js';
import type { AgedTouch } from './touch-queue.js';

export interface SessionChangerParts {
  readonly pool: PostgresPool;
  readonly statements: ChangeStatements;
  readonly finder: SessionFinder;
  readonly timeoutMs: number;
  readonly retentionMs: number;
}

/**
 * Conditional changes of one live session, and the gathered ones of many. Why a change did not apply is asked
 * afterwards, in a statement that sees what was committed meanwhile.
 */
export class SessionChanger {
  constructor(private readonly parts: SessionChangerParts) {}

  async update({ id, expectedVersion, data }: SessionDataChange): Promise<UpdateOutcome> {
    const changed = await this.change(this.parts.statements.update, [id, expectedVersion], [JSON.stringify(data)]);
    if (changed) return { applied: true, ...changed };
    const found = await this.parts.finder.find(id);
    if (!found.live) return { applied: false, reason: 'absent' };
    return { applied: false, reason: 'conflict', record: found.record, now: found.now };
  }

  async rotate(rotation: SessionRotation): Promise<RotateOutcome> {
    const { statements } = this.parts;
    const { id, cause, authentication: renewed, endOthers } = rotation;
    const changes = [
      Buffer.from(rotation.tokenHash),
      ...(renewed
        ? [[...renewed.amr], renewed.idleTimeoutMs, renewed.absoluteTimeoutMs, ...authenticationValues(renewed)]
        : []),
      ...(endOthers ? [endOthers.reason, endOthers.endedBy, this.parts.retentionMs] : []),
    ];
    const statement = endOthers
      ? statements[renewed ? 'reauthenticateAlone' : 'rotateAlone']
      : statements[renewed ? 'reauthenticate' : cause === 'rehash' ? 'rehash' : 'rotate'];
    const rotated = await this.change(statement, [id, Buffer.from(rotation.expectedTokenHash)], changes);
    if (rotated) return { applied: true, ...rotated };
    const found = await this.parts.finder.find(id);
    return { applied: false, reason: found.live ? 'superseded' : 'absent' };
  }

  /** @returns The ids of those that moved. */
  async touchMany(touches: readonly AgedTouch[]): Promise<string[]> {
    const { pool, statements, timeoutMs } = this.parts;
    const values = [
      touches.map(({ id }) => id),
      touches.map(({ ageMs }) => ageMs),
      touches.map(({ idleTimeoutMs }) => idleTimeoutMs),
      touches.map(({ touchIntervalMs }) => touchIntervalMs),
    ];
    const moved = await runOperation({ timeoutMs }, (operation) =>
      pool.query<{ id: string }>(operation, statements.touch, values),
    );
    return moved.map(({ id }) => id);
  }

  /** @throws {SessionStoreUnavailableError} Also when it did not apply because its time was over. */
  private async change(statement: Statement, expected: readonly unknown[], changes: readonly unknown[]) {
    const { pool, timeoutMs } = this.parts;
    const row = await runOperation({ timeoutMs }, async (operation) => {
      const values = () => [...expected, operation.remainingMs, ...changes];
      const [changed] = await pool.query<SessionRow & { ended?: string }>(operation, statement, values);
      if (!changed && operation.remainingMs <= 0) throw unavailable(`no answer within ${timeoutMs} ms`);
      return changed;
    });
    const record = row && toRecord(row);
    return record && { record, now: toDate(row.now_ms), ended: toEndedMany(row.ended) };
  }
}
