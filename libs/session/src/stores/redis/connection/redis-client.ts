import type { Writable } from 'node:stream';
import { SessionConfigurationError } from '../../../core/session/session-errors.js';

/**
 * The part of a Redis client that the store needs. `Redis` and `Cluster` of ioredis 5 and 6 have it, from whichever
 * copy of the package: classes are not compared.
 */
export interface RedisClient {
  call(command: string, ...args: string[]): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  listenerCount(event: string): number;
  connect(): Promise<unknown>;
  /** `ready` when commands are sent at once. With any other status they would wait in a queue. */
  readonly status: string;
  readonly isCluster?: boolean;
  readonly options: object;
}

/** Members that only some clients have. */
interface RedisClientExtras {
  /** The socket of a client with one connection. A Cluster has one for each node. */
  readonly stream?: Pick<Writable, 'cork' | 'uncork' | 'writableCorked'>;
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
 * Returns a function that sends one kind of command outside automatic pipelines. Pipelines halve throughput here, and
 * before ioredis 5.11 a Cluster's sent EVALSHA to the node that its digest hashes to (redis/ioredis#2109).
 *
 * Commands of one turn of the event loop leave by one system call, as in a pipeline, but each is answered and fails for
 * itself. The socket holds them back until the turn's callbacks have run. Each request arrives in its own callback, so a
 * microtask or `nextTick` would gather nothing.
 */
export function bindCommand(client: RedisClient, name: string): RedisCommand {
  const builtin = (client as RedisClientExtras).createBuiltinCommand?.(name).string;
  const send = builtin ? builtin.bind(client) : (...args: string[]) => client.call(name, ...args);
  return (...args) => {
    gatherWrites(client);
    return send(...args);
  };
}

function gatherWrites(client: RedisClient): void {
  const { stream } = client as RedisClientExtras;
  if (stream?.writableCorked !== 0) return;
  stream.cork();
  setImmediate(uncork, stream);
}

function uncork(stream: Pick<Writable, 'uncork'>): void {
  stream.uncork();
}

/** Lists the connections to the masters: all of a Cluster's, or the client itself. */
export function listMasters(client: RedisClient): RedisClient[] {
  const masters = client.isCluster ? (client as RedisClientExtras).nodes?.('master') : undefined;
  return masters && masters.length > 0 ? masters : [client];
}

/**
 * Rejects clients that could never work.
 *
 * @throws {SessionConfigurationError} Not such a client, or one that reads from replicas. Replicas lag: a revoked
 *   session could still be found, and a new one missed.
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
        "which may still hold a revoked session. Pass a Cluster with scaleReads: 'master', its default.",
    );
  }
  if (!client.isCluster && (readOnly || role === 'slave')) {
    throw new SessionConfigurationError(
      option,
      "is connected to a replica (readOnly or role: 'slave'). Pass a client of the master.",
    );
  }
}
