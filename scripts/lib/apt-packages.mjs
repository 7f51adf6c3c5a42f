import { execa } from 'execa';
import { findCommand } from './find-command.mjs';
import { isRoot } from './os-account.mjs';

const LOCK = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
const MINUTE_MS = 60_000;

/** Whether missing packages can be installed here without asking anybody: as root on a Debian-like system. */
export async function canInstallPackages() {
  return isRoot && (await findCommand('apt-get')) !== undefined;
}

/** Installs a Debian package. @throws {Error} With the last of what apt-get said. */
export async function installPackage(name) {
  console.log(`installing ${name}, which the tests need and this machine lacks`);
  const options = { stdin: 'ignore', all: true, timeout: 10 * MINUTE_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  try {
    await execa('apt-get', [...LOCK, 'update'], options);
    await execa('apt-get', [...LOCK, 'install', '-y', '--no-install-recommends', name], options);
  } catch (cause) {
    const lastLines = (cause.all ?? '').split('\n').slice(-15).join('\n');
    throw new Error(`apt-get could not install ${name}: install it by hand\n${lastLines}`, { cause });
  }
}
