import { startServerProcess } from 'local-servers';

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The line that says that it is ready. */
  readonly ready: RegExp;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface TestProcess {
  readonly pid: number;
  /** What it wrote so far, on either stream. */
  readonly lines: readonly string[];
  /** Settles with the signal or exit code. */
  readonly exited: Promise<string>;
  kill(signal: NodeJS.Signals): boolean;
  /** Ends it by SIGTERM, or by SIGKILL when that takes more than 15 seconds. May be called again. */
  stop(): Promise<void>;
  /** The first line that matches, written already or yet to come; rejects when the process ends without it. */
  waitForLine(pattern: RegExp): Promise<string>;
}

/** Starts a process that ends with this one, and waits until it is ready. */
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
