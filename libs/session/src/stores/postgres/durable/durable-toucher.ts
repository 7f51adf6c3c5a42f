import { runOperation } from '../connection/operation.js';
import type { PostgresPool } from '../connection/postgres-pool.js';
import type { Statement } from '../connection/statement.js';
import type { AgedTouch } from '../operations/touch-queue.js';

export interface DurableToucherParts {
  readonly pool: PostgresPool;
  readonly statement: Statement;
  readonly timeoutMs: number;
}

/** Writes gathered touches, as old as they are when they leave. */
export class DurableToucher {
  constructor(private readonly parts: DurableToucherParts) {}

  /** @returns The ids of those that are live and were due; every live one when its interval is 0. */
  async touchMany(touches: readonly AgedTouch[]): Promise<string[]> {
    const { pool, statement, timeoutMs } = this.parts;
    const startedAtMs = performance.now();
    const values = () => {
      const waitedMs = performance.now() - startedAtMs;
      return [
        touches.map(({ id }) => id),
        touches.map(({ ageMs }) => ageMs + waitedMs),
        touches.map(({ firstAgeMs }) => firstAgeMs + waitedMs),
        touches.map(({ idleTimeoutMs }) => idleTimeoutMs),
        touches.map(({ touchIntervalMs }) => touchIntervalMs),
      ];
    };
    const live = await runOperation({ timeoutMs }, (operation) =>
      pool.query<{ id: string }>(operation, statement, values),
    );
    return live.map(({ id }) => id);
  }
}
