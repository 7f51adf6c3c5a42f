import { unavailable } from './redis-errors.js';
import type { ScriptName } from './script-runner.js';
import type { ServerClock } from './server-clock.js';

/** A script with a deadline among its arguments. */
export interface FencedScript {
  readonly name: ScriptName;
  readonly key: string;
  /** The arguments, with the last full ms of server time before the deadline. */
  readonly argsFor: (notAfter: string) => readonly string[];
  /** Told the late answer of a script that did something all the same. */
  readonly onLate?: (reply: readonly string[]) => void;
}

interface FencedRun {
  readonly run: (notAfter: string) => Promise<string[]>;
  readonly onLate?: FencedScript['onLate'];
}

/**
 * Runs a script that answers `late, now` instead of acting once the deadline has passed by its server's clock. If it
 * has not passed by ours, that clock was set, or in a Cluster is ahead of another master's: the script is sent once
 * more, with the deadline by the time that this very server told.
 *
 * @throws {SessionStoreUnavailableError} It was late, and so was the second one if there was time for it.
 */
export async function runFenced(
  clock: ServerClock,
  { run, onLate }: FencedRun,
  deadlineAtMs: number,
): Promise<string[]> {
  let notAfterMs = await clock.earliestMsAt(deadlineAtMs);
  for (const isLast of [false, true]) {
    const reply = await run(String(Math.floor(notAfterMs) - 1));
    const answeredAtMs = performance.now();
    if (reply[0] !== 'late') return reply;
    clock.distrust();
    if (isLast || answeredAtMs >= deadlineAtMs) break;
    onLate?.(reply);
    notAfterMs = Number(reply[1]) + deadlineAtMs - answeredAtMs;
  }
  throw unavailable('the command reached the server too late, so it did nothing');
}
