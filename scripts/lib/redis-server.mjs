import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from './free-port.mjs';
import { getRedisBinary } from './redis-binary.mjs';
import { startServerProcess } from './server-process.mjs';

const READY = /Ready to accept connections|Sentinel ID is/;
const PORT_TAKEN = /Address already in use|Failed listening on port/;
const ATTEMPTS = 5;

/** See redis-servers.d.mts. */
export async function startRedisServer({ port, args = [], leadingArgs = [], dir } = {}) {
  const command = await getRedisBinary();
  for (let attempt = 1; ; attempt += 1) {
    const chosenPort = port ?? (await findFreePort());
    const folder = dir ?? (await mkdtemp(join(tmpdir(), 'nest-sessions-redis-')));
    try {
      const server = await startServerProcess({
        command,
        args: [
          ...leadingArgs,
          ...['--port', String(chosenPort), '--bind', '127.0.0.1', '--dir', folder],
          ...['--save', '', '--appendonly', 'no', ...args],
        ],
        ready: READY,
        remove: dir === undefined ? folder : undefined,
      });
      return { ...server, dir: folder, host: '127.0.0.1', port: chosenPort, url: `redis://127.0.0.1:${chosenPort}` };
    } catch (error) {
      if (port !== undefined || attempt === ATTEMPTS || !PORT_TAKEN.test(error.output)) throw error;
    }
  }
}
