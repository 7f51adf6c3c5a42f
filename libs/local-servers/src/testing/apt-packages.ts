import { execa, ExecaError } from 'execa';
import { isRoot } from '../postgres/os-account.js';
import { findCommand } from '../processes/find-command.js';

const LOCK = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
const TIMEOUT_MS = 600_000;

/** Whether missing packages can be installed without a question: as root on a Debian-like system. */
export async function canInstallPackages(): Promise<boolean> {
  return isRoot && (await findCommand('apt-get')) !== undefined;
}

/** Installs a Debian package. @throws {Error} apt-get failed; the message holds the end of its output. */
export async function installPackage(name: string): Promise<void> {
  console.log(`installing ${name}, which the tests need and this machine lacks`);
  const options = {
    stdin: 'ignore',
    all: true,
    timeout: TIMEOUT_MS,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  } as const;
  try {
    await execa('apt-get', [...LOCK, 'update'], options);
    await execa('apt-get', [...LOCK, 'install', '-y', '--no-install-recommends', name], options);
  } catch (cause) {
    const output = cause instanceof ExecaError ? ((cause.all as string | undefined) ?? '') : '';
    const lastLines = output.split('\n').slice(-15).join('\n');
    throw new Error(`apt-get could not install ${name}: install it by hand\n${lastLines}`, { cause });
  }
}
