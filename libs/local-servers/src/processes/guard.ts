import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { GuardedProcess, GuardianMessage } from './guardian.js';

const HOOKS = new URL('../../../../scripts/typescript-hooks.mjs', import.meta.url);

/** The stdin of the guardian. */
let guardian: Writable | undefined;
let guardedCount = 0;

/** The guardian is a source file or a compiled one, as this file is. */
function guardianArguments(): string[] {
  if (!import.meta.url.endsWith('.ts')) return [fileURLToPath(new URL('guardian.js', import.meta.url))];
  return ['--no-warnings', '--import', HOOKS.href, fileURLToPath(new URL('guardian.ts', import.meta.url))];
}

function startGuardian(): Writable {
  const { PATH = '', TEST_RUNNER_PIDS } = process.env;
  const child = spawn(process.execPath, guardianArguments(), {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { PATH, ...(TEST_RUNNER_PIDS ? { TEST_RUNNER_PIDS } : {}) },
  });
  child.unref();
  const { stdin } = child;
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  stdin.on('error', () => {});
  return stdin;
}

/**
 * Ensures that a process ends and its folder is removed when this process ends without doing so itself, even by SIGKILL.
 *
 * @returns A function that takes the process off the list, for when it has ended.
 */
export function guardProcess(guarded: GuardedProcess): () => void {
  guardian ??= startGuardian();
  guardedCount += 1;
  const stdin = guardian;
  const send = (message: GuardianMessage) => stdin.write(`${JSON.stringify(message)}\n`);
  send({ add: guarded });
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    guardedCount -= 1;
    send({ release: guarded.pid });
    if (guardedCount > 0) return;
    stdin.end();
    guardian = undefined;
  };
}
