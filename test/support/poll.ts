import { setTimeout as wait } from 'node:timers/promises';

const INTERVAL_MS = 20;
const LIMIT_MS = 20_000;

/** Asks until the answer is yes, for what has no event to wait for: servers that come back. A rejection is a no. */
export async function waitUntil(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  let problem: unknown;
  while (!(await isSo().catch((error: unknown) => ((problem = error), false)))) {
    if (performance.now() > untilMs) throw new Error(`waited in vain until ${what}`, { cause: problem });
    await wait(INTERVAL_MS);
  }
}
