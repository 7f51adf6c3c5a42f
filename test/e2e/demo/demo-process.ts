import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { findProjectRoot } from '../../../apps/demo/src/config/project-root.js';

const LOG_PREFIX = /^\[Nest\] \d+ +- .*? (?=(?:LOG|WARN|ERROR|FATAL|DEBUG) )/;

/** The demo in a process group of its own, as a terminal starts it. */
export class DemoProcess {
  private output = '';
  private readonly ended: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        child.emit('output');
      });
    }
    this.ended = once(child, 'close').then(([code]: unknown[]) => code as number | null);
  }

  static start(command: readonly [string, ...string[]], env: Record<string, string>): DemoProcess {
    const [file, ...args] = command;
    const { PATH = '', HOME = '' } = process.env;
    return new DemoProcess(
      spawn(file, args, {
        cwd: findProjectRoot(),
        detached: true,
        env: { PATH, HOME, NO_COLOR: '1', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** What it wrote so far, without Nest's prefix. */
  get lines(): string[] {
    return this.output.split('\n').map((line) => line.replace(LOG_PREFIX, '').trim());
  }

  /** Resolves with the match once a line matches; rejects when the process ends before. */
  async waitFor(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = this.lines.map((line) => pattern.exec(line)).find((match) => match !== null);
      if (found) return found;
      const ended = await Promise.race([once(this.child, 'output').then(() => false), this.ended.then(() => true)]);
      if (ended && !this.lines.some((line) => pattern.test(line))) {
        throw new Error(`ended without a line like ${pattern}:\n${this.output}`);
      }
    }
  }

  /** Signals the whole group, as Ctrl-C does, and waits for the end of the process that was started. */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const { pid, exitCode, signalCode } = this.child;
    if (pid && exitCode === null && signalCode === null) process.kill(-pid, signal);
    return this.ended;
  }

  /** The exit code, once it has ended by itself. */
  exit(): Promise<number | null> {
    return this.ended;
  }
}
