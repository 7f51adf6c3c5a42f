import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const isRoot = process.getuid?.() === 0;

async function findAccount(name) {
  const ids = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]).catch(() => undefined);
  if (!ids) return undefined;
  const [uid, gid] = ids.map(({ stdout }) => Number(stdout));
  return { name, uid, gid };
}

/**
 * The account that Postgres runs as, which refuses to run as root: `undefined`, meaning our own, unless we are root;
 * then `postgres`, which is created where it does not exist.
 */
export async function getPostgresAccount() {
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
