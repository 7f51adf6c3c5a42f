import type { EmbeddedPostgres } from './embedded-postgres.mjs';

export interface RedisServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Its working folder. */
  readonly dir: string;

  /** Settles once the process has ended, with the signal or exit code. */
  readonly exited: Promise<string>;

  /** Ends it and removes its folder. May be called again, or after `kill`. */
  stop(): Promise<void>;

  /** @returns Whether it was there to receive the signal. */
  kill(signal: NodeJS.Signals): boolean;
}

export interface RedisServerOptions {
  /** Default any free port. */
  readonly port?: number;

  /** More of the command line, such as `['--maxmemory', '10mb']`. Nothing is written to disk unless this says so. */
  readonly args?: readonly string[];

  /** A folder that is kept when the server ends. Default a temporary one. */
  readonly dir?: string;
}

/**
 * Starts a Redis on 127.0.0.1 and waits until it accepts connections. It ends with this process, however that ends.
 *
 * @throws {Error} There is no Redis on this machine, or it did not start; it says what to do.
 */
export function startRedisServer(options?: RedisServerOptions): Promise<RedisServer>;

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

/** Starts a cluster without replicas, ready on every node: about two seconds. Default three masters. */
export function startRedisCluster(options?: {
  readonly masters?: number;
  readonly args?: readonly string[];
}): Promise<RedisCluster>;

export interface RedisSentinelGroup {
  readonly masterName: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Starts a master, its replica, and three sentinels that know both and each other; a dead master is noticed after 1 s. */
export function startRedisSentinel(): Promise<RedisSentinelGroup>;

/** Starts an empty Postgres without fsync, whose data is removed when it ends. */
export function startPostgresServer(options?: {
  readonly settings?: Readonly<Record<string, string>>;
  readonly log?: (line: string) => void;
}): Promise<EmbeddedPostgres>;

/**
 * The path of a Chromium, which is installed where that can be done without asking.
 *
 * @throws {Error} There is none; it says what to install.
 */
export function findChromium(): Promise<string>;
