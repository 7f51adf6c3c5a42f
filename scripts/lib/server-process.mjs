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
export async function startServerProcess({ ready, remove, onLine, ...options }) {
  const { stopSignal = 'SIGTERM', forceSignal = 'SIGKILL' } = options;
  const server = spawnServer(options);
  const release =
    server.pid === undefined ? () => {} : guardProcess({ pid: server.pid, stopSignal, forceSignal, remove });
  const end = () => endProcess({ ...server, stopSignal, forceSignal });
  try {
    await waitUntilReady({ server, ready, onLine, command: options.command });
  } catch (error) {
    await end();
    release();
    throw error;
  }
  // Where there is a folder to remove, that is guarded too.
  if (!remove) void server.exited.then(release);

  let stopping;
  const stop = () => {
    stopping ??= (async () => {
      await end();
      if (remove) await rm(remove, { recursive: true, force: true, maxRetries: 5 });
      release();
    })();
    return stopping;
  };
  const { pid, exited, closed } = server;
  return { pid, exited, closed, stop, kill: (signal) => signalProcess(pid, signal) };
}

function spawnServer({ command, args, account, env = process.env, cwd = '/' }) {
  const child = spawn(command, args, {
    detached: true,
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  child.unref();
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  const outputs = [child.stdout, child.stderr].map((stream) => {
    stream.unref();
    return createInterface({ input: stream });
  });
  // Each ends with its stream, or never begins when there is no process.
  const ended = outputs.map((output) => new Promise((resolve) => void output.once('close', resolve)));
  const closed = Promise.all([exited, ...ended]).then(() => undefined);
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return { pid: child.pid, exited, closed, outputs, isRunning };
}

async function waitUntilReady({ server, ready, onLine = () => {}, command }) {
  const lastLines = [];
  let timer;
  await new Promise((resolve, reject) => {
    for (const output of server.outputs) {
      output.on('line', (line) => {
        lastLines.push(line);
        if (lastLines.length > KEPT_LINES) lastLines.shift();
        if (ready.test(line)) resolve();
        onLine(line);
      });
    }
    const fail = (reason) => reject(new ServerStartError(`${command} ${reason}`, lastLines.join('\n')));
    timer = setTimeout(fail, START_TIMEOUT_MS, `was not ready after ${START_TIMEOUT_MS / 1000} s`);
    void Promise.all([server.exited, server.closed]).then(([how]) => fail(`ended with ${how}`));
  }).finally(() => clearTimeout(timer));
}

async function endProcess({ pid, exited, isRunning, stopSignal, forceSignal }) {
  if (!isRunning()) return;
  signalProcess(pid, stopSignal);
  // One that a test has frozen cannot act on a signal.
  signalProcess(pid, 'SIGCONT');
  const timer = setTimeout(() => signalProcess(pid, forceSignal), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
