import type { CutoffField, StoredCutoff } from './cutoff-lease.js';
import { bindCommand, type RedisCommand } from './redis-client.js';
import { assertConnected, type RedisConnection } from './redis-connection.js';
import type { ScriptRunner } from './script-runner.js';

/** A new cutoff: an instant, Unix ms of the server, by default and at most its now; or the number of an epoch. */
export type NewCutoff = { readonly instantMs?: number } | { readonly epoch: number };

interface RaiseSettings {
  /** The last ms of server time at which the script still writes; empty: no deadline. */
  readonly notAfter: string;
  /** Written beside the value; empty: no mark. */
  readonly mark: string;
}

/** Reads and writes the cutoff that all instances share: a field of one hash, written by `raise-floor.lua`. */
export class CutoffCommands implements StoredCutoff {
  private readonly hget: RedisCommand;

  constructor(
    private readonly connection: RedisConnection,
    private readonly scripts: ScriptRunner,
    private readonly place: { readonly key: string; readonly field: CutoffField },
  ) {
    this.hget = bindCommand(connection.client, 'hget');
  }

  async read(): Promise<number> {
    assertConnected(this.connection);
    const { key, field } = this.place;
    const value = Number((await this.hget(key, field)) ?? 0);
    if (!Number.isFinite(value)) throw new TypeError(`${key} holds no number`);
    return value;
  }

  async hasMark(mark: string): Promise<boolean> {
    assertConnected(this.connection);
    const { key, field } = this.place;
    const marks = await this.hget(key, `${field}:marks`);
    return typeof marks === 'string' && marks.split(',').includes(mark);
  }

  async restore(value: number, mark = ''): Promise<void> {
    await this.run([String(value), '', '', mark]);
  }

  /** @returns The reply: `raised` and the value asked for, or `late` and the server's time. */
  raise(cutoff: NewCutoff, { notAfter, mark }: RaiseSettings): Promise<string[]> {
    const [value, isInstant] = 'epoch' in cutoff ? [cutoff.epoch, ''] : [cutoff.instantMs ?? '', '1'];
    return this.run([String(value), isInstant, notAfter, mark]);
  }

  private run(args: readonly [value: string, isInstant: string, notAfter: string, mark: string]): Promise<string[]> {
    // The last argument of every script is the cutoff to apply. This script applies no cutoff.
    return this.scripts.run('raiseFloor', this.place.key, [this.place.field, ...args, '0']);
  }
}
