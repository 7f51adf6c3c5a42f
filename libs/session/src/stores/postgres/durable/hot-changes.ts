import type { DurableDataChange, HotChange } from '../../../core/ports/durable-sessions.js';
import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import type { DurableStatements } from './durable-statements.js';

export interface HotChangesParts {
  readonly pool: PostgresPool;
  readonly statements: DurableStatements;
  readonly timeoutMs: number;
}

/**
 * The table of changes that hot copies have to follow.
 *
 * Keys are given when a change is made, not when it is committed, so that a lower key may appear after a higher one was
 * listed. Nothing is skipped by that, because only the keys that were listed are ever forgotten.
 */
export class HotChanges {
  constructor(private readonly parts: HotChangesParts) {}

  list(limit: number): Promise<HotChange[]> {
    const { pool, statements, timeoutMs } = this.parts;
    return runOperation({ timeoutMs }, (operation) => pool.read<HotChange>(operation, statements.listChanges, [limit]));
  }

  async forget(changes: readonly HotChange[]): Promise<void> {
    if (changes.length === 0) return;
    const { pool, statements, timeoutMs } = this.parts;
    const keys = changes.map(({ key }) => key);
    await runOperation({ timeoutMs }, (operation) => pool.query(operation, statements.forgetChanges, [keys]));
  }

  async findEpoch(): Promise<number> {
    const { pool, statements, timeoutMs } = this.parts;
    const [row] = await runOperation({ timeoutMs }, (operation) =>
      pool.read<{ epoch: string }>(operation, statements.findEpoch, []),
    );
    return Number(row?.epoch);
  }

  async mergeData({ id, version, data }: DurableDataChange): Promise<void> {
    const { pool, statements, timeoutMs } = this.parts;
    const values = [id, version, JSON.stringify(data)];
    await runOperation({ timeoutMs }, (operation) => pool.query(operation, statements.mergeData, values));
  }
}
