import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCommand } from '../processes/find-command.js';
import { findFreePort } from '../processes/free-port.js';
import { ServerStartError, startServerProcess, type ServerProcess } from '../processes/server-process.js';

const HOST = '127.0.0.1';
const READY = /Ready to accept connections/;
const PORT_TAKEN = /Address already in use|Failed listening on port/;
const ATTEMPTS = 5;

export interface PrivateRedis extends ServerProcess {
  /** Address with the password. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Ends the server after it has written everything. May be called again. */
  stop(): Promise<void>;
}

export interface PrivateRedisOptions {
  /** A path, or a name that is on `PATH`. */
  readonly command: string;
  /** Absolute path of the folder for the data; created when missing. No other Redis may run on it at the same time. */
  readonly dataDir: string;
}

/** Returns the path of the first `redis-server` on `PATH`. Nothing is installed. */
export function findRedisOnPath(): Promise<string | undefined> {
  return findCommand('redis-server');
}

/**
 * Starts a Redis on a free port of 127.0.0.1 with a password of this run. Its append-only file outlives the server.
 *
 * The server ends with this process, even when this process is killed.
 *
 * @throws {ServerStartError} The server did not start; the message holds its output.
 */
export async function startPrivateRedis({ command, dataDir }: PrivateRedisOptions): Promise<PrivateRedis> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  const file = join(dataDir, 'redis.conf');
  // In a file of the owner's, because every account on this computer can read a command line.
  await writeFile(file, `requirepass ${password}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    try {
      const server = await startServerProcess({
        command,
        args: [
          file,
          ...toArguments({ port: String(port), bind: HOST, dir: dataDir, pidfile: join(dataDir, 'redis.pid') }),
        ],
        ready: READY,
      });
      return { ...server, port, dataDir, url: `redis://:${password}@${HOST}:${port}` };
    } catch (error) {
      const isPortTaken = error instanceof ServerStartError && PORT_TAKEN.test(error.output);
      if (attempt === ATTEMPTS || !isPortTaken) throw error;
    }
  }
}

/** The append-only file holds everything. A full server refuses writes rather than evict keys. */
function toArguments(address: Readonly<Record<string, string>>): string[] {
  const settings = { ...address, appendonly: 'yes', appendfsync: 'everysec', 'maxmemory-policy': 'noeviction' };
  return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), '--save', ''];
}
