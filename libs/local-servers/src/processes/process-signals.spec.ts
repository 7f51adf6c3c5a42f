import { expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pollUntil } from './poll-until.js';
import { isAlive, signalProcess } from './process-signals.js';
import { startServerProcess } from './server-process.js';

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
  const lines: string[] = [];
  const parent = await startServerProcess({
    command: 'sh',
    args: ['-c', 'sleep 0.1 & echo "child $!"; exec sleep 60'],
    ready: /child/,
    onLine: (line) => void lines.push(line),
  });
  const pid = Number(lines[0]?.split(' ')[1]);
  await pollUntil('the child has not ended', async () => !isAlive(pid));
  expect(isAlive(parent.pid)).toBe(true);
  await parent.stop();
});
