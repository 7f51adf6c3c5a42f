import type { RedisBackend } from '../connection/redis-backend.js';

const REFRESH_INTERVAL_MS = 1_000;
/** From here on another server may be the one that answers, or the same one after a restart. */
const CHANGES_OF_CONNECTION = ['ready', 'close', 'end'];

/** What a connection's server said about itself. Valid for as long as `isCurrent` says so of this very object. */
export interface KnownGeneration {
  /** `undefined`: a replica, or a server that does not tell. */
  readonly generation: string | undefined;
}

/**
 * The generation of the server at the other end of one connection, without a command per question: asked for at every
 * `ready`, and every second because a master can be made a replica without closing its connections.
 *
 * A client may send a command again to another server after it lost the connection. Who compares an answer with a
 * generation therefore takes it before the command is sent and checks after the answer that it is current: a connection
 * that was lost in between has ended it.
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
    // Whoever needs the generation asks again and then meets the error.
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

  /** @returns `undefined` when the connection changed while it was asked. Rejects when it cannot be asked. */
  async find(): Promise<KnownGeneration | undefined> {
    if (!this.known) await this.ask();
    return this.known;
  }

  isCurrent(known: KnownGeneration): boolean {
    return known === this.known && this.backend.client.status === 'ready';
  }

  /** Tells what a script found; when it is news, the connection's server is asked at once. */
  notice(generation: string): void {
    // The epoch behind it is no news of the server.
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
 * Names the history that a server's state belongs to: the replication id, which Redis draws anew when a process starts
 * and whenever a replica becomes the master, also one that was the master before and has resynchronised since (its
 * process, and so its `run_id`, is still the same then). The scripts read the same (`schema/generation.lua`).
 *
 * @param replication - What `INFO replication` answered.
 * @returns `undefined` on a replica, and where the server does not tell.
 */
export function parseGeneration(replication: string): string | undefined {
  if (!replication.includes('role:master')) return undefined;
  return /master_replid:(\w+)/.exec(replication)?.[1];
}

/** Confirmed in another epoch of the durable side is as confirmed on another server; see `schema/generation.lua`. */
export function inEpoch(generation: string | undefined, epoch: number): string | undefined {
  return generation !== undefined && epoch > 0 ? `${generation}x${epoch}` : generation;
}
