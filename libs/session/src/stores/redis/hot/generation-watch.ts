import type { RedisBackend } from '../connection/redis-backend.js';

const REFRESH_INTERVAL_MS = 1_000;
/** After these events another server may answer, or the same one after a restart. */
const CHANGES_OF_CONNECTION = ['ready', 'close', 'end'];

/** The generation that a connection's server reported. Valid while `isCurrent` returns `true` for this very object. */
export interface KnownGeneration {
  /** `undefined`: a replica, or a server that hides it. */
  readonly generation: string | undefined;
}

/**
 * Knows the generation of one connection's server without a command per request. It asks at every `ready`, and every
 * second because a master can become a replica without closing its connections.
 *
 * After losing a connection, a client may send a command again to another server. Callers therefore take the generation
 * before they send a command, and check `isCurrent` after its answer: a lost connection in between makes it outdated.
 */
export class GenerationWatch {
  private known: KnownGeneration | undefined;
  private asking: Promise<void> | undefined;
  private epoch = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly onChange = (): void => {
    this.epoch += 1;
    this.known = undefined;
    this.asking = undefined;
    if (this.backend.client.status === 'ready') this.askInBackground();
  };
  private readonly askInBackground = (): void => {
    // The next operation that needs the generation asks again and reports the error.
    this.ask().catch(() => undefined);
  };

  constructor(private readonly backend: RedisBackend) {}

  start(): void {
    for (const event of CHANGES_OF_CONNECTION) this.backend.client.on(event, this.onChange);
    this.timer = setInterval(this.askInBackground, REFRESH_INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    for (const event of CHANGES_OF_CONNECTION) this.backend.client.off(event, this.onChange);
    this.known = undefined;
  }

  /** @returns `undefined` when the connection changed meanwhile. Rejects when the server cannot be asked. */
  async find(): Promise<KnownGeneration | undefined> {
    if (!this.known) await this.ask();
    return this.known;
  }

  isCurrent(known: KnownGeneration): boolean {
    return known === this.known && this.backend.client.status === 'ready';
  }

  /** Takes the generation that a script found. If it is new, asks the connection's server at once. */
  notice(generation: string): void {
    // Only the part before the epoch belongs to the server.
    if (this.known && this.known.generation !== generation.split('x', 1)[0]) this.askInBackground();
  }

  private ask(): Promise<void> {
    const asking = (this.asking ??= this.learn(this.epoch).finally(() => {
      if (this.asking === asking) this.asking = undefined;
    }));
    return asking;
  }

  private async learn(epoch: number): Promise<void> {
    const generation = await this.backend.readInfo('replication').then(parseGeneration, (error: unknown) => {
      if (epoch === this.epoch) this.known = undefined;
      throw error;
    });
    if (epoch !== this.epoch) return;
    if (!this.known || this.known.generation !== generation) this.known = { generation };
  }
}

/**
 * Reads the generation, which names the history that a server's state belongs to: the replication id. Redis draws it
 * anew when a process starts and whenever a replica becomes the master. That includes a former master that
 * resynchronised, whose `run_id` stays the same. The scripts read the same (`schema/generation.lua`).
 *
 * @param replication - The answer to `INFO replication`.
 * @returns `undefined` on a replica, and when the server hides it.
 */
export function parseGeneration(replication: string): string | undefined {
  if (!replication.includes('role:master')) return undefined;
  return /master_replid:(\w+)/.exec(replication)?.[1];
}

/** Adds the epoch of the durable side: an earlier epoch counts as another server. See `schema/generation.lua`. */
export function inEpoch(generation: string | undefined, epoch: number): string | undefined {
  return generation !== undefined && epoch > 0 ? `${generation}x${epoch}` : generation;
}
