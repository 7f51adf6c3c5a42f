import type { FindOutcome, SessionList, SessionListQuery } from '../../../core/ports/session-store.js';
import type { SessionLogger } from '../../../core/support/logger.js';
import { LookupGatherer } from './lookup-gatherer.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { toDate, toRecord, type SessionRow } from '../schema/session-row.js';
import type { ReadStatements } from './read-statements.js';

export interface FoundRow extends SessionRow {
  readonly is_ended: boolean;
  readonly is_unexpired: boolean;
  /** Of a durable side of a hybrid store only. */
  readonly hot_data_version?: unknown;
}

export interface SessionFinderParts {
  readonly pool: PostgresPool;
  readonly statements: ReadStatements;
  readonly timeoutMs: number;
  readonly logger: SessionLogger;
}

/** The reads: always on the primary, each sees one instant. */
export class SessionFinder {
  private readonly lookups: LookupGatherer<FoundRow>;

  constructor(private readonly parts: SessionFinderParts) {
    const { pool, statements, timeoutMs } = parts;
    this.lookups = new LookupGatherer<FoundRow>({
      findOne: async (id) => {
        const [row] = await runOperation({ timeoutMs }, (operation) =>
          pool.read<FoundRow>(operation, statements.find, [id]),
        );
        return row;
      },
      findMany: (ids) =>
        runOperation({ timeoutMs }, (operation) => pool.read<FoundRow>(operation, statements.findMany, [ids])),
    });
  }

  async find(id: string): Promise<FindOutcome> {
    return toOutcome(await this.findRow(id));
  }

  /** One statement, however many there are. */
  async findMany(ids: readonly string[]): Promise<ReadonlyMap<string, FindOutcome>> {
    if (ids.length === 0) return new Map();
    const { pool, statements, timeoutMs } = this.parts;
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.read<FoundRow>(operation, statements.findMany, [ids]),
    );
    const rowsById = new Map(rows.map((row) => [row.id, row]));
    return new Map(ids.map((id) => [id, toOutcome(rowsById.get(id))]));
  }

  async listByUser({ userId, dataContains }: SessionListQuery): Promise<SessionList> {
    const { pool, statements, timeoutMs } = this.parts;
    const part = dataContains === undefined ? null : JSON.stringify(dataContains);
    const rows = await runOperation({ timeoutMs }, (operation) =>
      pool.read<SessionRow>(operation, statements.listByUser, [userId, part]),
    );
    const records = rows.filter((row) => row.id !== null).flatMap((row) => toRecord(row) ?? this.skip(row));
    return { records, now: toDate(rows[0]?.now_ms) };
  }

  protected findRow(id: string): Promise<FoundRow | undefined> {
    return this.lookups.find(id);
  }

  private skip({ id }: SessionRow): [] {
    this.parts.logger.warn(`session ${id} cannot be decoded and was left out of a list`);
    return [];
  }
}

export function toOutcome(row: FoundRow | undefined): FindOutcome {
  if (!row) return { live: false, reason: 'unknown' };
  if (row.is_ended) return { live: false, reason: 'ended' };
  if (!row.is_unexpired) return { live: false, reason: 'expired' };
  const record = toRecord(row);
  return record ? { live: true, record, now: toDate(row.now_ms) } : { live: false, reason: 'undecodable' };
}
