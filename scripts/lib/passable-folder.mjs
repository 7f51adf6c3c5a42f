import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

function mayPass(stats, account) {
  if (stats.uid === account.uid) return (stats.mode & 0o100) !== 0;
  if (stats.gid === account.gid) return (stats.mode & 0o010) !== 0;
  return (stats.mode & 0o001) !== 0;
}

/**
 * The nearest folder, from the root down to the given one, that an account may not pass; folders that do not exist yet
 * are left out. Without an account (that is, as ourselves) nothing is in the way.
 */
export async function findBarrier(folder, account) {
  if (!account) return undefined;
  const path = resolve(folder);
  const parent = dirname(path);
  const above = parent === path ? undefined : await findBarrier(parent, account);
  if (above) return above;
  const stats = await stat(path).catch(() => undefined);
  return stats && !mayPass(stats, account) ? path : undefined;
}
