import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCommand } from './find-command.mjs';
import { findFreePort } from './free-port.mjs';
import { startServerProcess } from './server-process.mjs';

const HOST = '127.0.0.1';
const READY = /Ready to accept connections/;
const PORT_TAKEN = /Address already in use|Failed listening on port/;
const ATTEMPTS = 5;

/** See private-redis.d.mts. */
export function findRedisOnPath() {
  return findCommand('redis-server');
}

/** See private-redis.d.mts. */
export async function startPrivateRedis({ command, dataDir }) {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const password = randomBytes(24).toString('base64url');
  const file = join(dataDir, 'redis.conf');
  // In a file of the owner's: a command line is open to everybody on this computer.
  await writeFile(file, `requirepass ${password}\n`, { mode: 0o600 });
  await chmod(file, 0o600);
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    try {
      const server = await startServerProcess({
        command,
        args: [file, ...toArguments({ port, bind: HOST, dir: dataDir, pidfile: join(dataDir, 'redis.pid') })],
        ready: READY,
      });
      return { ...server, port, dataDir, url: `redis://:${password}@${HOST}:${port}` };
    } catch (error) {
      if (attempt === ATTEMPTS || !PORT_TAKEN.test(error.output)) throw error;
    }
  }
}

/** Everything is kept in the append-only file; a full server refuses to write rather than drop something. */
function toArguments(address) {
  const settings = { ...address, appendonly: 'yes', appendfsync: 'everysec', 'maxmemory-policy': 'noeviction' };
  return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]), '--save', ''];
}
