import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isAlive, signalProcess } from '../../scripts/lib/process-signals.mjs';
import { pollUntil } from '../../scripts/lib/poll-until.mjs';
import { startProcess } from './processes.js';

it('a process is alive until it ends', async () => {
  const child = spawn('sleep', ['60']);
  const { pid = 0 } = child;
  expect(isAlive(pid)).toBe(true);
  const ended = once(child, 'exit');
  expect(signalProcess(pid, 'SIGTERM')).toBe(true);
  await ended;
  expect([isAlive(pid), signalProcess(pid, 'SIGTERM')]).toEqual([false, false]);
});

it('a process that ended and that nobody collected is not alive', async () => {
  // The shell becomes a program that never waits for the child that it was given.
  const parent = await startProcess({
    command: 'sh',
    args: ['-c', 'sleep 0.1 & echo "child $!"; exec sleep 60'],
    ready: /child/,
  });
  const pid = Number(parent.lines[0]?.split(' ')[1]);
  await pollUntil('the child has not ended', async () => !isAlive(pid));
  expect(isAlive(parent.pid)).toBe(true);
  await parent.stop();
});
