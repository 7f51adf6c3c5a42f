import { execa } from 'execa';
import { canInstallPackages, installPackage } from './apt-packages.mjs';
import { findCommand } from './find-command.mjs';

const NAMES = ['redis-server', 'valkey-server'];

/** Whether a Docker engine answers, with the compose plugin. */
export async function hasDockerCompose() {
  if (!(await findCommand('docker'))) return false;
  const answers = await Promise.all(
    [['info'], ['compose', 'version']].map((args) =>
      execa('docker', args, { stdin: 'ignore', reject: false, timeout: 15_000 }),
    ),
  );
  return answers.every(({ failed }) => !failed);
}

export function findRedisBinary() {
  return findCommand(...NAMES);
}

/**
 * The path of a Redis server, which is installed where that can be done without asking.
 *
 * @throws {Error} There is none; it says what to install.
 */
export async function getRedisBinary() {
  const found = await findRedisBinary();
  if (found) return found;
  if (await canInstallPackages()) {
    await installPackage('redis-server');
    const installed = await findRedisBinary();
    if (installed) return installed;
  }
  throw new Error(
    'the tests need a Redis server: install redis-server (Debian: apt-get install redis-server, macOS: brew install redis)',
  );
}
