import { SessionConfigurationError } from '../../../core/session/session-errors.js';

/**
 * What the store needs of a Redis client: met by `Redis` and `Cluster` of ioredis 5 and 6, whichever copy of the
 * package they come from. Nothing is asked about classes.
 */
export interface RedisClient {
  call(command: string, ...args: string[]): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  listenerCount(event: string): number;
  connect(): Promise<unknown>;
  /** `ready` when commands are sent at once; anything else means that they would wait in a queue. */
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options: object;
}

/** What more there is to some of them. */
interface RedisClientExtras {
  createBuiltinCommand?(name: string): { string: (...args: string[]) => Promise<unknown> };
  nodes?(role: 'master'): RedisClient[];
}

interface ClientOptions {
  readonly scaleReads?: unknown;
  readonly readOnly?: boolean;
  readonly role?: string;
}

/** Sends one command. */
export type RedisCommand = (...args: string[]) => Promise<unknown>;

/**
 * A function that sends one kind of command and never joins an automatic pipeline: pipelines halve throughput here, and
 * before ioredis 5.11 those of a Cluster sent EVALSHA to the node that its digest hashes to (redis/ioredis#2109).
 */
export function bindCommand(client: RedisClient, name: string): RedisCommand {
  const builtin = (client as RedisClientExtras).createBuiltinCommand?.(name).string;
  return builtin ? builtin.bind(client) : (...args) => client.call(name, ...args);
}

/** The connections to the masters: all of a Cluster's, or the client itself. */
export function listMasters(client: RedisClient): RedisClient[] {
  const masters = client.isCluster ? (client as RedisClientExtras).nodes?.('master') : undefined;
  return masters && masters.length > 0 ? masters : [client];
}

/**
 * Refuses what could never work.
 *
 * @throws {SessionConfigurationError} Not such a client, or one that reads from replicas: they lag, so that a revoked
 *   session could be found and a new one not.
 */
export function assertUsableClient(candidate: unknown, option: string): asserts candidate is RedisClient {
  const client = candidate as Partial<RedisClient> | null | undefined;
  const methods = ['call', 'on', 'off', 'listenerCount', 'connect'] as const;
  if (typeof client !== 'object' || client === null || methods.some((name) => typeof client[name] !== 'function')) {
    throw new SessionConfigurationError(option, 'must be a client of ioredis: a Redis or a Cluster');
  }
  const { scaleReads = 'master', readOnly, role }: ClientOptions = client.options ?? {};
  if (client.isCluster && scaleReads !== 'master') {
    throw new SessionConfigurationError(
      option,
      `reads from replicas (scaleReads: ${typeof scaleReads === 'string' ? `'${scaleReads}'` : 'a function'}), ` +
        "which may still hold a revoked session: hand in a Cluster with scaleReads: 'master', its default",
    );
  }
  if (!client.isCluster && (readOnly || role === 'slave')) {
    throw new SessionConfigurationError(
      option,
      "is connected to a replica (readOnly or role: 'slave'): hand in a client of the master",
    );
  }
}
