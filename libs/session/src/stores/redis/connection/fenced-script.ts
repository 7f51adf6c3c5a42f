import { unavailable } from './redis-errors.js';
import type { ScriptName } from './script-runner.js';
import type { ServerClock } from './server-clock.js';

/** A script with a deadline among its arguments. */
export interface FencedScript {
  readonly name: ScriptName;
  readonly key: string;
  /** The arguments, with the last full ms of server time before the deadline. */
  readonly argsFor: (notAfter: string) => readonly string[];
  /** Called with the late answer of a script that changes something even then. */
  readonly onLate?: (reply: readonly string[]) => void;
}

interface FencedRun {
  readonly run: (notAfter: string) => Promise<string[]>;
  readonly onLate?: FencedScript['onLate'];
}

/**
 * Runs a script that answers `late, now` instead of acting once the deadline has passed by its server's clock.
 *  If the deadline has not passed here, the server's clock was set, or in a Cluster is ahead of another master's. Then
 * the script is sent once more, with the deadline computed from this server's time.
 *
 * @throws {SessionStoreUnavailableError} The script was late, and so was the second attempt if there was time for one.
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
