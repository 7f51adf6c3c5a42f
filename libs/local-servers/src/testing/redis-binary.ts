import { execa } from 'execa';
import { findCommand } from '../processes/find-command.js';
import { canInstallPackages, installPackage } from './apt-packages.js';

const NAMES = ['redis-server', 'valkey-server'];

/** Whether a Docker engine answers, with the compose plugin. */
export async function hasDockerCompose(): Promise<boolean> {
  if (!(await findCommand('docker'))) return false;
  const answers = await Promise.all(
    [['info'], ['compose', 'version']].map((args) =>
      execa('docker', args, { stdin: 'ignore', reject: false, timeout: 15_000 }),
    ),
  );
  return answers.every(({ failed }) => !failed);
}

/** Returns the path of the first Redis or Valkey server on `PATH`. Nothing is installed. */
export function findRedisBinary(): Promise<string | undefined> {
  return findCommand(...NAMES);
}

/**
 * Returns the path of a Redis server, which is installed where that needs no question.
 *
 * @throws {Error} There is none; the message says what to install.
 */
export async function getRedisBinary(): Promise<string> {
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
