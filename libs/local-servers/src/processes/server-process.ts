import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { guardProcess } from './guard.js';
import { signalProcess } from './process-signals.js';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;
const KEPT_LINES = 40;

/** The account that a process runs as. */
export interface ProcessAccount {
  readonly uid: number;
  readonly gid: number;
}

export interface ServerProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Matches the line of its output that says that the server is ready. */
  readonly ready: RegExp;
  /** Default the account of this process. */
  readonly account?: ProcessAccount;
  /** Default the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default `/`. */
  readonly cwd?: string;
  /** Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Sent when the server did not end within 15 seconds. Default SIGKILL. */
  readonly forceSignal?: NodeJS.Signals;
  /** Folder that is removed once the server has ended; it stays when the server did not start. */
  readonly remove?: string;
  /** Receives every line that the server writes, from either stream. */
  readonly onLine?: (line: string) => void;
}

export interface ServerProcess {
  readonly pid: number;
  /** Resolves with the signal or exit code once the process has ended. */
  readonly exited: Promise<string>;
  /** Resolves once the process has ended and all its output was read. */
  readonly closed: Promise<void>;
  /** Ends the process. May be called again. */
  stop(): Promise<void>;
  /** @returns Whether the process was there to receive the signal. */
  kill(signal: NodeJS.Signals): boolean;
}

/** A server did not start; `output` holds the last lines that it wrote. */
export class ServerStartError extends Error {
  override name = 'ServerStartError';

  constructor(
    message: string,
    readonly output: string,
  ) {
    super(output === '' ? message : `${message}\n${output}`);
  }
}

/**
 * Starts a server and waits until a line of its output matches `ready`.
 *
 * The server has a session of its own, so that Ctrl-C in a terminal does not reach it before the programs that use it.
 * It does not keep this process alive, and it ends with this process.
 *
 * @throws {ServerStartError} The server ended, or wrote no such line within a minute.
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const { command, ready, remove, onLine, stopSignal = 'SIGTERM', forceSignal = 'SIGKILL' } = options;
  const server = spawnServer(options);
  const { pid, exited, closed } = server;
  const release = pid === undefined ? () => {} : guardProcess({ pid, stopSignal, forceSignal, remove });
  const end = () => endProcess(server, { stopSignal, forceSignal });
  try {
    await waitUntilReady(server, { command, ready, onLine });
    if (pid === undefined) throw new ServerStartError(`${command} has no process id`, '');
  } catch (error) {
    await end();
    release();
    throw error;
  }
  // A folder to remove is guarded too, so its guard stays until `stop`.
  if (remove === undefined) void server.exited.then(release);

  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      await end();
      if (remove !== undefined) await rm(remove, { recursive: true, force: true, maxRetries: 5 });
      release();
    })();
    return stopping;
  };
  return { pid, exited, closed, stop, kill: (signal) => signalProcess(pid, signal) };
}

interface SpawnedServer {
  /** `undefined` when the command could not be started. */
  readonly pid: number | undefined;
  readonly exited: Promise<string>;
  readonly closed: Promise<void>;
  readonly outputs: readonly Interface[];
  readonly isRunning: () => boolean;
}

function spawnServer({ command, args, account, env = process.env, cwd = '/' }: ServerProcessOptions): SpawnedServer {
  const child = spawn(command, args, {
    detached: true,
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  child.unref();
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  const outputs = [child.stdout, child.stderr].map((stream) => {
    unref(stream);
    return createInterface({ input: stream });
  });
  // Each closes with its stream; without a process neither does.
  const ended = outputs.map((output) => new Promise<void>((resolve) => void output.once('close', resolve)));
  const closed = Promise.all([exited, ...ended]).then(() => undefined);
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return { pid: child.pid, exited, closed, outputs, isRunning };
}

/** Pipes of a child are sockets, which would keep this process alive. */
function unref(stream: Readable): void {
  if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
}

async function waitUntilReady(
  server: SpawnedServer,
  { command, ready, onLine = () => {} }: Pick<ServerProcessOptions, 'command' | 'ready' | 'onLine'>,
): Promise<void> {
  const lastLines: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve, reject) => {
    for (const output of server.outputs) {
      output.on('line', (line) => {
        lastLines.push(line);
        if (lastLines.length > KEPT_LINES) lastLines.shift();
        if (ready.test(line)) resolve();
        onLine(line);
      });
    }
    const fail = (reason: string) => reject(new ServerStartError(`${command} ${reason}`, lastLines.join('\n')));
    timer = setTimeout(fail, START_TIMEOUT_MS, `was not ready after ${START_TIMEOUT_MS / 1000} s`);
    void Promise.all([server.exited, server.closed]).then(([how]) => fail(`ended with ${how}`));
  }).finally(() => clearTimeout(timer));
}

async function endProcess(
  { pid, exited, isRunning }: SpawnedServer,
  { stopSignal, forceSignal }: { readonly stopSignal: NodeJS.Signals; readonly forceSignal: NodeJS.Signals },
): Promise<void> {
  if (pid === undefined || !isRunning()) return;
  signalProcess(pid, stopSignal);
  // A process that a test has frozen cannot act on a signal.
  signalProcess(pid, 'SIGCONT');
  const timer = setTimeout(() => signalProcess(pid, forceSignal), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
