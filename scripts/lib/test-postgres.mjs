import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from './embedded-postgres.mjs';

// Nothing of a test outlives the machine.
const FAST = { fsync: 'off', full_page_writes: 'off', max_connections: '200' };

/** See servers.d.mts. */
export async function startTestPostgres({ settings = {}, log } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'nest-sessions-pg-'));
  try {
    const server = await startEmbeddedPostgres({
      dataDir: folder,
      persistent: false,
      settings: { ...FAST, ...settings },
      log,
    });
    const stop = async () => {
      await server.stop();
      // Another folder was used when the server's account cannot reach this one.
      await rm(folder, { recursive: true, force: true });
    };
    return { ...server, stop };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
