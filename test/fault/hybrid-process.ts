import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { CreatedSession, CreateSession, Duration } from 'nest-sessions';

const PROGRAM = join(import.meta.dirname, 'hybrid-process-program.ts');
const HOOKS = join(import.meta.dirname, '../../scripts/typescript-hooks.mjs');

export interface ProcessSettings {
  readonly redisUrl: string;
  readonly keyPrefix: string;
  readonly postgresUrl: string;
  readonly schema: string;
  readonly sweepInterval: Duration;
  readonly maxSessionsPerUser: number;
}

export interface Login {
  readonly id: string;
  readonly token: string;
}

/** The commands of a process. Answers pass as JSON. */
export interface HybridCommands {
  create(input: CreateSession): Promise<Login>;
  /** Returns the session's `visits`, or `null` without any. `false` when the token belongs to no live session. */
  authenticate(token: string): Promise<number | null | false>;
  rotate(token: string): Promise<string | undefined>;
  revoke(id: string): Promise<boolean>;
  revokeAll(userId: string): Promise<number>;
  revokeOthers(keep: Pick<CreatedSession['session'], 'id' | 'userId'>): Promise<number>;
  /** Lists the ids of the user's sessions. */
  list(userId: string): Promise<string[]>;
  /** Returns whether the id belongs to a live session. */
  find(id: string): Promise<boolean>;
  sweep(): Promise<void>;
  reconcile(): Promise<{ readonly ghosts: number; readonly stale: number; readonly stoppedBy: string }>;
}

type Name = keyof HybridCommands;

/** A held call that goes on this many turns of the event loop before its process dies. */
export interface LastCall {
  readonly call: number;
  readonly turns: number;
}

export type ToProcess =
  | {
      readonly kind: 'run';
      readonly call: number;
      readonly name: Name;
      readonly args: unknown[];
      readonly isTraced: boolean;
    }
  | { readonly kind: 'go on'; readonly call: number }
  | { readonly kind: 'go on and die'; readonly calls: readonly LastCall[] };

export type FromProcess =
  | { readonly kind: 'ready' }
  /** A traced call waits here, at a point such as `before hot.promote`, until it is told to go on. */
  | { readonly kind: 'reached'; readonly call: number; readonly point: string }
  | { readonly kind: 'minted'; readonly call: number; readonly login: Login }
  | { readonly kind: 'done'; readonly call: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly call: number; readonly error: string };

/** A call that stops before and after each call of a port, and waits for a decision. */
export interface Trace {
  readonly call: number;
  /** The points that it reached. It waits at the last one. */
  readonly points: readonly string[];
  /** What it would hand out, before it does. */
  readonly minted: Login | undefined;
  /** How it ended, or `held` at a point. */
  readonly settled: Promise<'held' | 'done' | 'failed'>;
}

interface Listener {
  onReached?(point: string): void;
  onMinted?(login: Login): void;
  onDone(result: unknown): void;
  onFailed(error: Error): void;
}

/** A Nest application with a hybrid store, in a process of its own that ends with this one. */
export class HybridProcess {
  private readonly listeners = new Map<number, Listener>();
  private readonly exited: Promise<unknown>;
  private calls = 0;

  private constructor(private readonly child: ChildProcess) {
    this.exited = new Promise((resolve) => void child.once('exit', resolve));
    child.on('message', (message: FromProcess) => this.hear(message));
  }

  static async start(settings: ProcessSettings): Promise<HybridProcess> {
    const execArgv = ['--no-warnings', '--import', HOOKS];
    const child = fork(PROGRAM, [JSON.stringify(settings)], { execArgv, stdio: 'inherit' });
    const started = new HybridProcess(child);
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) => reject(new Error(`the process ended with ${String(code)} before it was ready`)));
    });
    return started;
  }

  run<Command extends Name>(
    name: Command,
    ...args: Parameters<HybridCommands[Command]>
  ): Promise<Awaited<ReturnType<HybridCommands[Command]>>> {
    return new Promise((resolve, reject) => {
      const onDone = resolve as (result: unknown) => void;
      this.begin({ name, args, isTraced: false }, { onDone, onFailed: reject });
    });
  }

  /** @param decide - Called at each point, counted from 0. `true` lets the call go on, `false` holds it for ever. */
  trace<Command extends Name>(
    { name, args }: { readonly name: Command; readonly args: Parameters<HybridCommands[Command]> },
    decide: (index: number) => Promise<boolean>,
  ): Trace {
    const points: string[] = [];
    const trace = { call: 0, points, minted: undefined as Login | undefined };
    const settled = new Promise<'held' | 'done' | 'failed'>((resolve, reject) => {
      trace.call = this.begin(
        { name, args, isTraced: true },
        {
          onMinted: (login) => (trace.minted = login),
          onReached: (point) => {
            points.push(point);
            decide(points.length - 1).then(
              (goesOn) => (goesOn ? this.tell({ kind: 'go on', call: trace.call }) : resolve('held')),
              reject,
            );
          },
          onDone: () => resolve('done'),
          onFailed: () => resolve('failed'),
        },
      );
    });
    return Object.assign(trace, { settled });
  }

  /** Kills it by SIGKILL. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Lets held calls go on. The process kills itself right after. */
  async killInFlight(calls: readonly LastCall[]): Promise<void> {
    this.tell({ kind: 'go on and die', calls });
    await this.exited;
  }

  private begin(command: Pick<ToProcess & { kind: 'run' }, 'name' | 'args' | 'isTraced'>, listener: Listener): number {
    const call = (this.calls += 1);
    this.listeners.set(call, listener);
    this.tell({ kind: 'run', call, ...command });
    return call;
  }

  private tell(message: ToProcess): void {
    this.child.send(message);
  }

  private hear(message: FromProcess): void {
    if (message.kind === 'ready') return;
    const listener = this.listeners.get(message.call);
    if (message.kind === 'reached') listener?.onReached?.(message.point);
    if (message.kind === 'minted') listener?.onMinted?.(message.login);
    if (message.kind === 'done') listener?.onDone(message.result);
    if (message.kind === 'failed') listener?.onFailed(new Error(message.error));
  }
}
