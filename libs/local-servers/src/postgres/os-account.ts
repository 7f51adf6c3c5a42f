import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProcessAccount } from '../processes/server-process.js';

const run = promisify(execFile);

export interface OsAccount extends ProcessAccount {
  readonly name: string;
}

export const isRoot = process.getuid?.() === 0;

async function findAccount(name: string): Promise<OsAccount | undefined> {
  const ids = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]).catch(() => undefined);
  if (!ids) return undefined;
  const [uid, gid] = ids;
  return { name, uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

/**
 * Returns the account that Postgres runs as, because Postgres refuses to run as root. `undefined` means the account of
 * this process. As root it is `postgres`, which is created when missing.
 */
export async function getPostgresAccount(): Promise<OsAccount | undefined> {
  if (!isRoot) return undefined;
  const existing = await findAccount('postgres');
  if (existing) return existing;
  try {
    await run('groupadd', ['--system', '--force', 'postgres']);
    await run('useradd', ['--system', '--gid', 'postgres', '--no-create-home', '--shell', '/bin/false', 'postgres']);
  } catch (cause) {
    // Two processes may have tried at once.
    const created = await findAccount('postgres');
    if (created) return created;
    throw new Error(
      'Postgres does not run as root and the account "postgres" could not be created: create it, or run this as another user',
      { cause },
    );
  }
  return findAccount('postgres');
}
