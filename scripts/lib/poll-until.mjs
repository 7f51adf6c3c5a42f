import { setTimeout as wait } from 'node:timers/promises';

const POLL_MS = 25;
const TIMEOUT_MS = 30_000;

/** Waits for something that a server gives no event for. @throws {Error} It names what did not happen in 30 seconds. */
export async function pollUntil(what, isTrue) {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${TIMEOUT_MS / 1000} s`);
    await wait(POLL_MS);
  }
}
