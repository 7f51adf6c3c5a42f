import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from './free-port.mjs';
import { getRedisBinary } from './redis-binary.mjs';
import { startServerProcess } from './server-process.mjs';

const HOST = '127.0.0.1';
const READY = /Ready to accept connections|Sentinel ID is/;
const PORT_TAKEN = /Address already in use|Failed listening on port/;
const ATTEMPTS = 5;

/**
 * See servers.d.mts.
 *
 * @param configure - Writes a configuration file into the folder. Gives the arguments that come first.
 */
export async function startRedisServer({ port, args = [], dir, configure = async () => [] } = {}) {
  const command = await getRedisBinary();
  for (let attempt = 1; ; attempt += 1) {
    const chosenPort = port ?? (await findFreePort());
    const folder = dir ?? (await mkdtemp(join(tmpdir(), 'nest-sessions-redis-')));
    const address = ['--port', String(chosenPort), '--bind', HOST, '--dir', folder];
    const memoryOnly = ['--save', '', '--appendonly', 'no'];
    try {
      const server = await startServerProcess({
        command,
        args: [...(await configure(folder)), ...address, ...memoryOnly, ...args],
        ready: READY,
        // With nothing to keep there is nothing to wait for; a master would wait ten seconds for a frozen replica.
        stopSignal: dir === undefined ? 'SIGKILL' : 'SIGTERM',
        remove: dir === undefined ? folder : undefined,
      });
      return { ...server, dir: folder, host: HOST, port: chosenPort, url: `redis://${HOST}:${chosenPort}` };
    } catch (error) {
      if (port !== undefined || attempt === ATTEMPTS || !PORT_TAKEN.test(error.output)) throw error;
    }
  }
}
