import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chown, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { guardProcess } from '../processes/guard.js';
import type { OsAccount } from './os-account.js';
import { findBarrier } from './passable-folder.js';
import type { PostgresBinaries } from './postgres-binaries.js';

const run = promisify(execFile);
const PASSWORD_FILE = 'superuser.password';

export interface FolderChoice {
  readonly dataDir: string;
  readonly account: OsAccount | undefined;
  readonly log: (line: string) => void;
}

/**
 * Returns where the data of a wanted folder is kept. It is that folder, or always the same other folder below /var/tmp
 * when the account cannot reach the wanted one.
 */
export async function choosePostgresFolder({ dataDir, account, log }: FolderChoice): Promise<string> {
  const wanted = resolve(dataDir);
  const barrier = await findBarrier(dirname(wanted), account);
  if (!account || barrier === undefined) return wanted;
  const digest = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  const folder = `/var/tmp/nest-sessions-postgres-data-${digest}`;
  const stats = await lstat(folder).catch(() => undefined);
  if (stats && (!stats.isDirectory() || (stats.uid !== account.uid && stats.uid !== 0))) {
    throw new Error(`${folder} belongs to another user: remove it, or choose a data folder outside ${barrier}`);
  }
  log(`Postgres runs as "${account.name}", which may not pass ${barrier}: its data is kept in ${folder}`);
  return folder;
}

export interface ClusterOptions {
  readonly folder: string;
  readonly binaries: PostgresBinaries;
  readonly account: OsAccount | undefined;
  /** `false` skips fsync. */
  readonly durable: boolean;
  readonly log: (line: string) => void;
}

/** Creates the cluster when it is missing. The cluster appears complete or not at all, even after a crash. */
export async function createClusterIfMissing(options: ClusterOptions): Promise<void> {
  const { folder, binaries, account, log } = options;
  const version = await readFile(join(folder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  const major = binaries.version.split('.')[0];
  if (version !== undefined) {
    if (version.trim() === major) return;
    throw new Error(
      `${folder} was written by Postgres ${version.trim()}, and this is ${major}: move it away to start with an empty one`,
    );
  }
  const files = await readdir(folder).catch((): string[] => []);
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
    await runInitdb({ ...options, draft, data }).catch((error: Error & { stderr?: string }) => {
      throw new Error(`initdb failed in ${folder}: ${error.stderr || error.message}`, { cause: error });
    });
    await rename(join(draft, PASSWORD_FILE), join(data, PASSWORD_FILE));
    await rename(data, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

interface InitdbOptions extends ClusterOptions {
  readonly draft: string;
  readonly data: string;
}

async function runInitdb({ draft, data, binaries, account, durable }: InitdbOptions): Promise<void> {
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

/** Reads the password of the user `postgres`, which is in a file inside the data folder. */
export function readPassword(folder: string): Promise<string> {
  return readFile(join(folder, PASSWORD_FILE), 'utf8');
}

/** The environment of this process without settings for other Postgres servers, and with English messages. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}
