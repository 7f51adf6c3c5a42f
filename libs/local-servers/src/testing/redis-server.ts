import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../processes/free-port.js';
import { ServerStartError, startServerProcess, type ServerProcess } from '../processes/server-process.js';
import { getRedisBinary } from './redis-binary.js';

const HOST = '127.0.0.1';
const READY = /Ready to accept connections|Sentinel ID is/;
const PORT_TAKEN = /Address already in use|Failed listening on port/;
const ATTEMPTS = 5;

export interface RedisServer extends ServerProcess {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Its working folder. */
  readonly dir: string;
  /** Ends the server and removes a temporary folder. May be called again, or after `kill`. */
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** Default any free port. */
  readonly port?: number;
  /** More of the command line, such as `['--maxmemory', '10mb']`. Without it the server writes nothing to disk. */
  readonly args?: readonly string[];
  /** A folder that outlives the server. Default a temporary one. */
  readonly dir?: string;
  /** Writes a configuration file into the folder. Returns the arguments that come first. */
  readonly configure?: (folder: string) => Promise<readonly string[]>;
}

/**
 * Starts a Redis on 127.0.0.1 and waits until it accepts connections. The server ends with this process, even when this
 * process is killed.
 *
 * @throws {Error} There is no Redis on this machine, or it did not start; the message says what to do.
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { port, args = [], dir, configure = () => Promise.resolve([]) } = options;
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
        // Without data there is nothing to wait for; a master would wait ten seconds for a frozen replica.
        stopSignal: dir === undefined ? 'SIGKILL' : 'SIGTERM',
        ...(dir === undefined ? { remove: folder } : {}),
      });
      return { ...server, dir: folder, host: HOST, port: chosenPort, url: `redis://${HOST}:${chosenPort}` };
    } catch (error) {
      const isPortTaken = error instanceof ServerStartError && PORT_TAKEN.test(error.output);
      if (port !== undefined || attempt === ATTEMPTS || !isPortTaken) throw error;
    }
  }
}
