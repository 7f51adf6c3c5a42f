import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ProcessAccount } from '../processes/server-process.js';

function mayPass(stats: Stats, account: ProcessAccount): boolean {
  if (stats.uid === account.uid) return (stats.mode & 0o100) !== 0;
  if (stats.gid === account.gid) return (stats.mode & 0o010) !== 0;
  return (stats.mode & 0o001) !== 0;
}

/**
 * Returns the first folder, from the root down to the given one, that an account may not pass. Missing folders are
 * skipped. Without an account (the one of this process) there is no barrier.
 */
export async function findBarrier(folder: string, account: ProcessAccount | undefined): Promise<string | undefined> {
  if (!account) return undefined;
  const path = resolve(folder);
  const parent = dirname(path);
  const above = parent === path ? undefined : await findBarrier(parent, account);
  if (above !== undefined) return above;
  const stats = await stat(path).catch(() => undefined);
  return stats && !mayPass(stats, account) ? path : undefined;
}
