import type { DurableDataChange, HotChange } from '../../../core/ports/durable-sessions.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import { defineStatement } from '../connection/statement.js';
import type { TableNames } from '../schema/identifiers.js';

export function hotChangesStatements({ hotChanges, floors, sessions }: TableNames) {
  return {
    findEpoch: defineStatement('find-epoch', {}, () => `select coalesce(max(id), 0)::text as epoch from ${floors}`),

    /** Writes nothing to a session whose data was made unreadable by hand. */
    mergeData: defineStatement(
      'durable-merge-data',
      { id: 'uuid', hotVersion: 'bigint', data: 'jsonb' },
      (p) => `update ${sessions} s set data = ${p.data}, version = s.version + 1, hot_data_version = ${p.hotVersion}
where s.id = ${p.id} and s.ended_at is null and jsonb_typeof(s.data) = 'object'
  and (s.hot_data_version is null or s.hot_data_version < ${p.hotVersion})`,
    ),

    list: defineStatement(
      'list-hot-changes',
      { limit: 'integer' },
      (p) =>
        `select key::text as key, session_id::text as id, kind from ${hotChanges} c order by c.key limit ${p.limit}`,
    ),

    /** Two instances that forget the same changes at once do not wait for each other. */
    forget: defineStatement(
      'forget-hot-changes',
      { keys: 'bigint[]' },
      (p) => `delete from ${hotChanges} where key = any(array(
  select key from ${hotChanges} where key = any(${p.keys}) order by key for update skip locked
))`,
    ),
  };
}

export interface HotChangesParts {
  readonly pool: PostgresPool;
  readonly statements: ReturnType<typeof hotChangesStatements>;
  readonly timeoutMs: number;
}

/**
 * The table of changes that hot copies have to follow.
 *
 * A change gets its key when it is made, not when it is committed, so that a lower key may appear after a higher one was
 * listed. No change is skipped by that, because only listed keys are ever forgotten.
 */
export class HotChanges {
  constructor(private readonly parts: HotChangesParts) {}

  list(limit: number): Promise<HotChange[]> {
    const { pool, statements, timeoutMs } = this.parts;
    return runOperation({ timeoutMs }, (operation) => pool.read<HotChange>(operation, statements.list.bind({ limit })));
  }

  async forget(changes: readonly HotChange[]): Promise<void> {
    if (changes.length === 0) return;
    const { pool, statements, timeoutMs } = this.parts;
    const keys = changes.map(({ key }) => key);
    await runOperation({ timeoutMs }, (operation) => pool.query(operation, statements.forget.bind({ keys })));
  }

  async findEpoch(): Promise<number> {
    const { pool, statements, timeoutMs } = this.parts;
    const [row] = await runOperation({ timeoutMs }, (operation) =>
      pool.read<{ epoch: string }>(operation, statements.findEpoch.bind({})),
    );
    return Number(row?.epoch);
  }

  async mergeData({ id, version, data }: DurableDataChange): Promise<void> {
    const { pool, statements, timeoutMs } = this.parts;
    const query = statements.mergeData.bind({ id, hotVersion: version, data: JSON.stringify(data) });
    await runOperation({ timeoutMs }, (operation) => pool.query(operation, query));
  }
}
