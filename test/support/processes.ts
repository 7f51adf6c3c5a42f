import { startServerProcess } from 'local-servers';

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Matches the line that says that the process is ready. */
  readonly ready: RegExp;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface TestProcess {
  readonly pid: number;
  /** All lines so far, from either stream. */
  readonly lines: readonly string[];
  /** Resolves with the signal or exit code. */
  readonly exited: Promise<string>;
  kill(signal: NodeJS.Signals): boolean;
  /** Sends SIGTERM, then SIGKILL after 15 seconds. May be called again. */
  stop(): Promise<void>;
  /** Resolves with the first line that matches, past or future. Rejects when the process ends without such a line. */
  waitForLine(pattern: RegExp): Promise<string>;
}

/** Starts a process and waits until it is ready. The process ends with this one. */
export async function startProcess({ env, ...options }: ProcessOptions): Promise<TestProcess> {
  const lines: string[] = [];
  const listeners = new Set<(line: string) => void>();
  const server = await startServerProcess({
    ...options,
    env: { ...process.env, ...env },
    onLine: (line) => {
      lines.push(line);
      for (const listener of listeners) listener(line);
    },
  });

  const waitForLine = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const written = lines.find((line) => pattern.test(line));
      if (written !== undefined) resolve(written);
      listeners.add((line) => {
        if (pattern.test(line)) resolve(line);
      });
      void server.closed.then(() => reject(new Error(`the process ended without a line like ${String(pattern)}`)));
    });
  return { ...server, lines, waitForLine };
}
