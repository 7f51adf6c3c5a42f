// Ends servers whose owner is gone. guard.ts starts this program and writes one GuardianMessage a line to its stdin. The
// pipe closes with the owner, even when the owner was killed. TEST_RUNNER_PIDS lists other processes that must be alive,
// because an owner may outlive its test runner.
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { isAlive, signalProcess } from './process-signals.js';

/** A process to end when its owner is gone, and the folder to remove after that. */
export interface GuardedProcess {
  readonly pid: number;
  readonly stopSignal: NodeJS.Signals;
  /** Sent when the process did not end within ten seconds. */
  readonly forceSignal: NodeJS.Signals;
  readonly remove?: string;
}

/** One line of JSON to the guardian. */
export type GuardianMessage = { readonly add: GuardedProcess } | { readonly release: number };

const GRACE_MS = 10_000;
const POLL_MS = 250;
const guarded = new Map<number, GuardedProcess>();
const runnerPids = (process.env['TEST_RUNNER_PIDS'] ?? '').split(',').filter(Boolean).map(Number);

async function end({ pid, stopSignal, forceSignal, remove }: GuardedProcess): Promise<void> {
  signalProcess(pid, stopSignal);
  signalProcess(pid, 'SIGCONT');
  const deadline = Date.now() + GRACE_MS;
  while (isAlive(pid) && Date.now() < deadline) await wait(50);
  if (isAlive(pid)) signalProcess(pid, forceSignal);
  if (remove !== undefined) await rm(remove, { recursive: true, force: true, maxRetries: 5 });
}

let ending: Promise<void> | undefined;
function endAll(): void {
  ending ??= Promise.allSettled([...guarded.values()].map(end)).then(() => process.exit(0));
}

// The guardian has a session of its own. A stray signal must not leave the servers unguarded.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const message = JSON.parse(line) as GuardianMessage;
  if ('add' in message) guarded.set(message.add.pid, message.add);
  else guarded.delete(message.release);
});
lines.on('close', endAll);
if (runnerPids.length > 0) {
  setInterval(() => {
    if (!runnerPids.every(isAlive)) endAll();
  }, POLL_MS);
}
