export interface ServerProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** What a line of its output looks like when it is ready. */
  readonly ready: RegExp;
  readonly account?: { readonly uid: number; readonly gid: number };
  /** Default this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Default `/`. */
  readonly cwd?: string;
  /** Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Sent when the other did not help within 15 seconds. Default SIGKILL. */
  readonly forceSignal?: NodeJS.Signals;
  readonly remove?: string;
  readonly onLine?: (line: string) => void;
}

export interface ServerProcess {
  readonly pid: number;
  /** Settles once the process has ended, with the signal or exit code. */
  readonly exited: Promise<string>;
  /** Settles once it has ended and all that it wrote was read. */
  readonly closed: Promise<void>;
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): boolean;
}

export class ServerStartError extends Error {
  readonly output: string;
}

export function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess>;
