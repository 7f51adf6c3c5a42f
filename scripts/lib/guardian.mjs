// Ends servers whose owner is gone, however it went. Started by guard.mjs, which writes one JSON message a line to
// stdin: { add: { pid, stopSignal, forceSignal, remove } } or { release: pid }. The pipe closes with the owner, even
// when that was killed; TEST_RUNNER_PIDS lists other processes that must be alive, for owners that outlive their runner.
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { isAlive, signalProcess } from './process-signals.mjs';

const GRACE_MS = 10_000;
const POLL_MS = 250;
const guarded = new Map();
const runnerPids = (process.env.TEST_RUNNER_PIDS ?? '').split(',').filter(Boolean).map(Number);

async function end({ pid, stopSignal, forceSignal, remove }) {
  signalProcess(pid, stopSignal);
  signalProcess(pid, 'SIGCONT');
  const deadline = Date.now() + GRACE_MS;
  while (isAlive(pid) && Date.now() < deadline) await wait(50);
  if (isAlive(pid)) signalProcess(pid, forceSignal);
  if (remove) await rm(remove, { recursive: true, force: true, maxRetries: 5 });
}

let ending;
function endAll() {
  ending ??= Promise.allSettled([...guarded.values()].map(end)).then(() => process.exit(0));
}

// It has a session of its own; a stray signal must not leave the servers unguarded.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { add, release } = JSON.parse(line);
  if (add) guarded.set(add.pid, add);
  else guarded.delete(release);
});
lines.on('close', endAll);
if (runnerPids.length > 0) {
  setInterval(() => {
    if (!runnerPids.every(isAlive)) endAll();
  }, POLL_MS);
}
