import { setTimeout as wait } from 'node:timers/promises';

const POLL_MS = 25;
const TIMEOUT_MS = 30_000;

/**
 * Waits for a state of a server that has no event.
 *
 * @param what - The problem that the error names, such as `the replica is not online`.
 * @throws {Error} The state was not reached within 30 seconds.
 */
export async function pollUntil(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${TIMEOUT_MS / 1000} s`);
    await wait(POLL_MS);
  }
}
