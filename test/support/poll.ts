import { setTimeout as wait } from 'node:timers/promises';

const INTERVAL_MS = 20;
const LIMIT_MS = 20_000;

/** Repeats a check until it returns `true`, for states without an event, such as a server that is back. A rejection counts as `false`. */
export async function waitUntil(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  let problem: unknown;
  while (!(await isSo().catch((error: unknown) => ((problem = error), false)))) {
    if (performance.now() > untilMs) throw new Error(`waited in vain until ${what}`, { cause: problem });
    await wait(INTERVAL_MS);
  }
}
