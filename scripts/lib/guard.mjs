import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const GUARDIAN = fileURLToPath(new URL('guardian.mjs', import.meta.url));
let guardian;
let guardedCount = 0;

function startGuardian() {
  const { PATH = '', TEST_RUNNER_PIDS } = process.env;
  const child = spawn(process.execPath, [GUARDIAN], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { PATH, ...(TEST_RUNNER_PIDS ? { TEST_RUNNER_PIDS } : {}) },
  });
  child.unref();
  child.stdin.unref();
  child.stdin.on('error', () => {});
  return child;
}

/**
 * Has a process ended and its folder removed when this process ends without doing so itself, even by SIGKILL.
 *
 * @returns A function that takes the process off the list, once it has ended.
 */
export function guardProcess({ pid, stopSignal, forceSignal, remove }) {
  guardian ??= startGuardian();
  guardedCount += 1;
  const { stdin } = guardian;
  stdin.write(`${JSON.stringify({ add: { pid, stopSignal, forceSignal, remove } })}\n`);
  let released = false;
  return () => {
    if (released) return;
    released = true;
    guardedCount -= 1;
    stdin.write(`${JSON.stringify({ release: pid })}\n`);
    if (guardedCount > 0) return;
    stdin.end();
    guardian = undefined;
  };
}
