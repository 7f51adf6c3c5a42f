import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chown, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { guardProcess } from './guard.mjs';
import { findBarrier } from './passable-folder.mjs';

const run = promisify(execFile);
const PASSWORD_FILE = 'superuser.password';

/**
 * Where the data of a wanted folder is kept: there, or in a folder of its own below /var/tmp, always the same one, when
 * the account could not reach it.
 */
export async function choosePostgresFolder({ dataDir, account, log }) {
  const wanted = resolve(dataDir);
  const barrier = await findBarrier(dirname(wanted), account);
  if (!barrier) return wanted;
  const digest = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  const folder = `/var/tmp/nest-sessions-postgres-data-${digest}`;
  const stats = await lstat(folder).catch(() => undefined);
  if (stats && (!stats.isDirectory() || (stats.uid !== account.uid && stats.uid !== 0))) {
    throw new Error(`${folder} belongs to somebody else: remove it, or choose a data folder outside ${barrier}`);
  }
  log(`Postgres runs as "${account.name}", who may not pass ${barrier}: its data is kept in ${folder}`);
  return folder;
}

/** Creates the cluster where there is none. It appears complete or not at all, whatever interrupts this. */
export async function createClusterIfMissing({ folder, binaries, account, durable, log }) {
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const major = binaries.version.split('.')[0];
  if (version !== undefined) {
    if (version.trim() === major) return;
    throw new Error(
      `${folder} was written by Postgres ${version.trim()}, and this is ${major}: move it away to start with an empty one`,
    );
  }
  const files = await readdir(folder).catch(() => []);
  if (files.length > 0) {
    throw new Error(`${folder} holds other files and no Postgres data: choose an empty or new folder`);
  }

  log(`creating a Postgres ${major} database in ${folder}`);
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(`${folder}.new-`);
  try {
    await writeFile(join(draft, PASSWORD_FILE), randomBytes(24).toString('base64url'), { mode: 0o600 });
    const data = join(draft, 'data');
    await mkdir(data, { mode: 0o700 });
    if (account) {
      const { uid, gid } = account;
      await Promise.all([draft, data, join(draft, PASSWORD_FILE)].map((path) => chown(path, uid, gid)));
    }
    await runInitdb({ draft, data, binaries, account, durable }).catch((error) => {
      throw new Error(`initdb failed in ${folder}: ${error.stderr || error.message}`, { cause: error });
    });
    await rename(join(draft, PASSWORD_FILE), join(data, PASSWORD_FILE));
    await rename(data, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function runInitdb({ draft, data, binaries, account, durable }) {
  const running = run(
    join(binaries.folder, 'bin/initdb'),
    [
      '--username=postgres',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--locale=C.UTF-8',
      `--pgdata=${data}`,
      `--pwfile=${join(draft, PASSWORD_FILE)}`,
      ...(durable ? [] : ['--no-sync']),
    ],
    { cwd: '/', env: serverEnvironment(), ...(account ? { uid: account.uid, gid: account.gid } : {}) },
  );
  const { pid } = running.child;
  const release =
    pid === undefined ? () => {} : guardProcess({ pid, stopSignal: 'SIGKILL', forceSignal: 'SIGKILL', remove: draft });
  await running.finally(release);
}

export function readPassword(folder) {
  return readFile(join(folder, PASSWORD_FILE), 'utf8');
}

/** Ours, without what would tell the server or its tools about another server, in English. */
export function serverEnvironment() {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
