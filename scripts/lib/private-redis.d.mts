export interface PrivateRedis {
  /** Address with the password. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  readonly pid: number;

  /** Ends it after it has written everything. May be called again. */
  stop(): Promise<void>;

  /** @returns Whether the server was there to receive the signal. */
  kill(signal: NodeJS.Signals): boolean;
}

export interface PrivateRedisOptions {
  /** A path, or a name that PATH holds. */
  readonly command: string;

  /** Absolute; where the data is kept; created when missing. Nobody else may run a Redis on it at the same time. */
  readonly dataDir: string;
}

/** The path of the first `redis-server` that PATH holds. Nothing is installed. */
export function findRedisOnPath(): Promise<string | undefined>;

/**
 * Starts a Redis on a free port of 127.0.0.1, open only with a password of this run, whose append-only file outlives it.
 * It ends with this process, however that ends.
 *
 * @throws {Error} It did not start; the message holds what it said.
 */
export function startPrivateRedis(options: PrivateRedisOptions): Promise<PrivateRedis>;
