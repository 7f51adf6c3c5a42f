import { join } from 'node:path';
import { findFreePort } from './free-port.mjs';
import { getPostgresAccount } from './os-account.mjs';
import { preparePostgresBinaries } from './postgres-binaries.mjs';
import { choosePostgresFolder, createClusterIfMissing, readPassword, serverEnvironment } from './postgres-folder.mjs';
import { startServerProcess } from './server-process.mjs';
import { claimFolder, releaseFolder, stopStalePostgres } from './stale-postgres.mjs';

const READY = /database system is ready to accept connections/;
const PORT_TAKEN = /could not bind|Address already in use/;
// Backends of a killed postmaster notice its death within a moment.
const STILL_ENDING = /pre-existing shared memory block/;
const ATTEMPTS = 20;
const RETRY_MS = 250;

/** See embedded-postgres.d.mts. */
export async function startEmbeddedPostgres({ dataDir, port, persistent, settings = {}, log = () => {} }) {
  const account = await getPostgresAccount();
  const binaries = await preparePostgresBinaries(account);
  const folder = await choosePostgresFolder({ dataDir, account, log });
  await stopStalePostgres({ folder, log });
  if (port !== undefined) await assertFree(port);
  await createClusterIfMissing({ folder, binaries, account, durable: settings.fsync !== 'off', log });
  const password = await readPassword(folder);
  const server = await startWithRetries({ folder, port, persistent, settings, account, binaries, log });
  await claimFolder(folder);

  let stopping;
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

async function startWithRetries({ folder, port, persistent, settings, account, binaries, log }) {
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
        account,
        env: serverEnvironment(),
        stopSignal: 'SIGINT',
        forceSignal: 'SIGQUIT',
        remove: persistent ? undefined : folder,
        onLine: log,
      });
      return { ...server, port: chosenPort };
    } catch (error) {
      const mayPass = STILL_ENDING.test(error.output) || (port === undefined && PORT_TAKEN.test(error.output));
      if (attempt === ATTEMPTS || !mayPass) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function assertFree(port) {
  await findFreePort(port).catch((cause) => {
    throw new Error(`port ${port} is taken: choose another one, or none for a free one`, { cause });
  });
}
