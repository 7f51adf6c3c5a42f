import { execFile } from 'node:child_process';
import { readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAlive, signalProcess } from '../processes/process-signals.js';

const run = promisify(execFile);
const OWNER_FILE = 'owner.json';
const OWNER_TIMEOUT_MS = 10_000;
const FAST_STOP_MS = 15_000;
const POLL_MS = 50;

interface Owner {
  readonly pid: number;
  readonly start: string | undefined;
}

/** Returns when a process started, in the format of the system. It distinguishes two processes of the same id. */
async function findStart(pid: number): Promise<string | undefined> {
  if (!isAlive(pid)) return undefined;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in parentheses may hold spaces; the start time is the 20th field after it.
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.trim();
}

async function findOwner(folder: string): Promise<Owner | undefined> {
  const text = await readFile(join(folder, OWNER_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const owner = JSON.parse(text) as Owner;
  return (await findStart(owner.pid)) === owner.start ? owner : undefined;
}

/** Records that this process runs the server of the folder, for processes that find the server running later. */
export async function claimFolder(folder: string): Promise<void> {
  const owner: Owner = { pid: process.pid, start: await findStart(process.pid) };
  await writeFile(join(folder, OWNER_FILE), JSON.stringify(owner));
}

/** Removes the record of `claimFolder`. */
export async function releaseFolder(folder: string): Promise<void> {
  await rm(join(folder, OWNER_FILE), { force: true });
}

async function isPostmasterOf({ pid, folder }: { readonly pid: number; readonly folder: string }): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  if (cwd !== undefined) return cwd === (await realpath(folder));
  const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.includes(folder);
}

async function waitForEnd(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(pid) && Date.now() < deadline) await wait(POLL_MS);
  return !isAlive(pid);
}

export interface StalePostgresOptions {
  readonly folder: string;
  readonly log: (line: string) => void;
}

/**
 * Stops the server that a killed process left running on the folder, and removes its stale lock file.
 *
 * @throws {Error} A living process runs the server, and did not end within ten seconds.
 */
export async function stopStalePostgres({ folder, log }: StalePostgresOptions): Promise<void> {
  const lockFile = join(folder, 'postmaster.pid');
  const lock = await readFile(lockFile, 'utf8').catch(() => undefined);
  if (lock === undefined) return;
  const pid = Number(lock.split('\n')[0]);
  if (!(await isPostmasterOf({ pid, folder }))) {
    await rm(lockFile, { force: true });
    return;
  }

  const owner = await findOwner(folder);
  // A program that a watcher restarts begins while its predecessor is still ending.
  if (owner && owner.pid !== process.pid) await waitForEnd(owner.pid, OWNER_TIMEOUT_MS);
  if (owner && isAlive(owner.pid)) {
    throw new Error(
      `process ${owner.pid} already runs Postgres on ${folder}: stop that process, or choose another data folder`,
    );
  }
  log(`stopping Postgres (process ${pid}), which an earlier run left on ${folder}`);
  signalProcess(pid, 'SIGINT');
  signalProcess(pid, 'SIGCONT');
  if (await waitForEnd(pid, FAST_STOP_MS)) return;
  signalProcess(pid, 'SIGQUIT');
  if (await waitForEnd(pid, FAST_STOP_MS)) return;
  throw new Error(`Postgres (process ${pid}) on ${folder} does not stop: end it by hand`);
}
