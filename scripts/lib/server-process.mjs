import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { guardProcess } from './guard.mjs';
import { signalProcess } from './process-signals.mjs';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const KEPT_LINES = 40;

/** A server did not come up; `output` holds the last lines that it wrote. */
export class ServerStartError extends Error {
  name = 'ServerStartError';

  constructor(message, output) {
    super(output === '' ? message : `${message}\n${output}`);
    this.output = output;
  }
}

/**
 * Starts a server in a session of its own, so that Ctrl-C in a terminal does not reach it before its users, and waits
 * until a line of its output matches `ready`. It does not keep this process alive, and ends with it.
 *
 * @param remove - Folder that is removed once the server has ended; left alone when it did not come up.
 * @throws {ServerStartError} The server ended, or said nothing of the kind within a minute.
 */
export async function startServerProcess({
  command,
  args,
  ready,
  account,
  env = process.env,
  stopSignal = 'SIGTERM',
  forceSignal = 'SIGKILL',
  remove,
  onLine = () => {},
}) {
  const child = spawn(command, args, {
    detached: true,
    cwd: '/',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  const { pid } = child;
  const release = pid === undefined ? () => {} : guardProcess({ pid, stopSignal, forceSignal, remove });
  const lastLines = [];
  const waiting = {};
  waiting.promise = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }));
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });

  for (const stream of [child.stdout, child.stderr]) {
    stream.unref();
    createInterface({ input: stream }).on('line', (line) => {
      lastLines.push(line);
      if (lastLines.length > KEPT_LINES) lastLines.shift();
      if (ready.test(line)) waiting.resolve();
      onLine(line);
    });
  }
  child.unref();

  const cleanUp = async () => {
    if (remove) await rm(remove, { recursive: true, force: true, maxRetries: 5 });
    release();
  };
  let stopping;
  const stop = () => {
    stopping ??= (async () => {
      await endProcess({ pid, exited, stopSignal, forceSignal });
      await cleanUp();
    })();
    return stopping;
  };
  // Without a folder to remove there is nothing left to guard.
  if (!remove) void exited.then(release);

  const fail = (reason) => waiting.reject(new ServerStartError(`${command} ${reason}`, lastLines.join('\n')));
  const timer = setTimeout(fail, START_TIMEOUT_MS, `was not ready after ${START_TIMEOUT_MS / 1000} s`);
  // Its last words may come in after its end.
  void exited.then((how) => setTimeout(fail, 50, `ended with ${how}`));
  try {
    await waiting.promise;
  } catch (error) {
    await endProcess({ pid, exited, stopSignal, forceSignal });
    release();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { pid, exited, stop, kill: (signal) => signalProcess(pid, signal) };
}

async function endProcess({ pid, exited, stopSignal, forceSignal }) {
  if (pid === undefined) return;
  let hasExited = false;
  void exited.then(() => (hasExited = true));
  await Promise.resolve();
  if (hasExited) return;
  signalProcess(pid, stopSignal);
  // One that a test has frozen cannot act on a signal.
  signalProcess(pid, 'SIGCONT');
  const timer = setTimeout(() => signalProcess(pid, forceSignal), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
