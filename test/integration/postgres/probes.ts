import { setImmediate } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { PostgresWorld } from './world.js';

export interface SentQuery {
  readonly name?: string;
  readonly text: string;
  /** SQLSTATE, once the server refused it. */
  error?: string;
}

interface ProbedClient {
  query: (query: { name?: string; text: string }) => Promise<unknown>;
  isProbed?: boolean;
}

interface ProbedPool {
  on(event: 'acquire', listener: (client: ProbedClient) => void): void;
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

export function poolOf(dataSource: DataSource): ProbedPool {
  return (dataSource.driver as unknown as { master: ProbedPool }).master;
}

/**
 * Writes down every statement that the pool of a DataSource sends from now on.
 *
 * @param beforeSending - Told how many were sent before; the statement waits for it.
 */
export function recordQueries(
  dataSource: DataSource,
  beforeSending?: (countBefore: number) => Promise<void>,
): SentQuery[] {
  const sent: SentQuery[] = [];
  poolOf(dataSource).on('acquire', (client) => {
    if (client.isProbed) return;
    client.isProbed = true;
    const query = client.query.bind(client);
    client.query = async (config) => {
      const entry: SentQuery = { name: config.name, text: config.text };
      const countBefore = sent.push(entry) - 1;
      await beforeSending?.(countBefore);
      try {
        return await query(config);
      } catch (error) {
        entry.error = String((error as { code?: unknown }).code);
        throw error;
      }
    };
  });
  return sent;
}

/** Asks again until it is so. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await setImmediate();
}

/** Row counters of the server, complete once the connections of this name are gone. */
export async function readUpdateCounters(world: PostgresWorld, { applicationName }: { applicationName: string }) {
  await until(async () => {
    const open = await world.query('select 1 from pg_stat_activity where application_name = $1', [applicationName]);
    return open.length === 0;
  });
  const [row] = await world.admin.query<{ updated: string; hot: string }[]>(
    `select n_tup_upd as updated, n_tup_hot_upd as hot from pg_stat_user_tables where schemaname = $1 and relname = 'sessions'`,
    [world.schema],
  );
  return { updated: Number(row?.updated), hot: Number(row?.hot) };
}
