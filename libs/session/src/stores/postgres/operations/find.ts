import type { FindOutcome } from '../../../core/ports/session-store.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { isAfterCutoff } from '../connection/sql-expressions.js';
import { defineStatement } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';
import { RECORD_COLUMNS, toDate, toRecord, type SessionRow } from '../schema/session-row.js';
import { LookupGatherer } from './lookup-gatherer.js';

/**
 * Rows come back for sessions that have ended or expired too, so that the reason can be reported.
 *
 * @param moreColumns - Additional columns; the table's alias is `s`.
 */
export function findStatements(tables: TableNames, moreColumns: readonly string[] = []) {
  const { sessions } = tables;
  const found = `(s.ended_at is not null or not ${isAfterCutoff(tables)}) as is_ended,
  (s.expires_at > now()) as is_unexpired, ${[RECORD_COLUMNS, ...moreColumns].join(', ')}`;
  return {
    find: defineStatement('find', { id: 'uuid' }, (p) => `select ${found} from ${sessions} s where s.id = ${p.id}`),
    findMany: defineStatement(
      'find-many',
      { ids: 'uuid[]' },
      (p) => `select ${found} from ${sessions} s where s.id = any(${p.ids})`,
    ),
  };
}

export interface FoundRow extends SessionRow {
  readonly is_ended: boolean;
  readonly is_unexpired: boolean;
  /** Selected by the durable side of a hybrid store only. */
  readonly hot_data_version?: unknown;
}

export interface SessionFinderParts {
  readonly pool: PostgresPool;
  readonly statements: ReturnType<typeof findStatements>;
  readonly timeoutMs: number;
}

/** Finds sessions by id, always on the primary. Each statement sees one instant. */
export class PostgresSessionFinder {
  private readonly lookups: LookupGatherer<FoundRow>;

  constructor(private readonly parts: SessionFinderParts) {
    this.lookups = new LookupGatherer<FoundRow>({
      findOne: async (id) => {
        const { pool, statements, timeoutMs } = parts;
        const [row] = await runOperation({ timeoutMs }, (operation) =>
          pool.read<FoundRow>(operation, statements.find.bind({ id })),
        );
        return row;
      },
      findMany: (ids) => this.findRows(ids),
    });
  }

  async find(id: string): Promise<FindOutcome> {
    return toFindOutcome(await this.findRow(id));
  }

  /** The row as it is, ended or not; `undefined` if there is none. */
  findRow(id: string): Promise<FoundRow | undefined> {
    return this.lookups.find(id);
  }

  /** Takes one statement, whatever the number of ids. */
  async findMany(ids: readonly string[]): Promise<ReadonlyMap<string, FindOutcome>> {
    if (ids.length === 0) return new Map();
    const rows = await this.findRows(ids);
    const rowsById = new Map(rows.map((row) => [row.id, row]));
    return new Map(ids.map((id) => [id, toFindOutcome(rowsById.get(id))]));
  }

  private findRows(ids: readonly string[]): Promise<FoundRow[]> {
    const { pool, statements, timeoutMs } = this.parts;
    return runOperation({ timeoutMs }, (operation) =>
      pool.read<FoundRow>(operation, statements.findMany.bind({ ids })),
    );
  }
}

export function toFindOutcome(row: FoundRow | undefined): FindOutcome {
  if (!row) return { live: false, reason: 'unknown' };
  if (row.is_ended) return { live: false, reason: 'ended' };
  if (!row.is_unexpired) return { live: false, reason: 'expired' };
  const record = toRecord(row);
  return record ? { live: true, record, now: toDate(row.now_ms) } : { live: false, reason: 'undecodable' };
}
