import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from '../postgres/embedded-postgres.js';

// No data of a test has to survive a crash of the machine.
const FAST = { fsync: 'off', full_page_writes: 'off', max_connections: '200' };

export type TestPostgresOptions = Pick<EmbeddedPostgresOptions, 'settings' | 'log'>;

/** Starts an empty Postgres without fsync, whose data is removed when it ends. */
export async function startTestPostgres({ settings = {}, log }: TestPostgresOptions = {}): Promise<EmbeddedPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'nest-sessions-pg-'));
  try {
    const server = await startEmbeddedPostgres({
      dataDir: folder,
      persistent: false,
      settings: { ...FAST, ...settings },
      ...(log ? { log } : {}),
    });
    const stop = async () => {
      await server.stop();
      // The data was kept elsewhere when the server's account cannot reach this folder.
      await rm(folder, { recursive: true, force: true });
    };
    return { ...server, stop };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
