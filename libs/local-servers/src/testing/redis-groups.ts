import { Redis } from 'ioredis';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '../processes/free-port.js';
import { pollUntil } from '../processes/poll-until.js';
import { startRedisServer, type RedisServer } from './redis-server.js';

const MASTER_NAME = 'mymaster';
const SLOTS = 16_384;
const SENTINELS = 3;

export interface RedisClusterOptions {
  /** Default 3. */
  readonly masters?: number;
  readonly args?: readonly string[];
}

export interface RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

export interface RedisSentinelGroup {
  readonly masterName: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Starts several servers. When one fails, the others are stopped. */
async function startAll<Server extends RedisServer>(starts: readonly (() => Promise<Server>)[]): Promise<Server[]> {
  const outcomes = await Promise.allSettled(starts.map((start) => start()));
  const servers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (!failure) return servers;
  await stopAll(servers);
  throw failure.reason;
}

const stopAll = (servers: readonly RedisServer[]) => Promise.all(servers.map((server) => server.stop()));

/** Runs a part of the set-up with a client of each server. When it fails, all servers are stopped. */
async function withClients(
  servers: readonly RedisServer[],
  work: (clients: readonly Redis[]) => Promise<void>,
): Promise<void> {
  const clients = servers.map(({ host, port }) => new Redis({ host, port, maxRetriesPerRequest: 1 }));
  for (const client of clients) client.on('error', () => {});
  try {
    await work(clients);
  } catch (error) {
    await stopAll(servers);
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Starts a cluster without replicas and waits until every node is ready, which takes about two seconds. */
export async function startRedisCluster({ masters = 3, args = [] }: RedisClusterOptions = {}): Promise<RedisCluster> {
  const startNode = async () => {
    // The default bus port is ten thousand above the port, which may be taken or not exist.
    const busPort = await findFreePort();
    const cluster = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-port', String(busPort)];
    return { ...(await startRedisServer({ args: [...cluster, ...args] })), busPort };
  };
  const nodes = await startAll(Array.from({ length: masters }, () => startNode));
  await withClients(nodes, async (clients) => {
    await Promise.all(
      clients.map(async (client, index) => {
        const from = Math.floor((index * SLOTS) / masters);
        const to = Math.floor(((index + 1) * SLOTS) / masters) - 1;
        await client.cluster('ADDSLOTSRANGE', from, to);
        await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      }),
    );
    const [first] = clients;
    for (const { host, port, busPort } of nodes.slice(1)) {
      await first?.call('CLUSTER', 'MEET', host, String(port), String(busPort));
    }
    await pollUntil('the cluster is not complete', async () => {
      const states = await Promise.all(clients.map((client) => client.cluster('INFO')));
      return states.every((state) => state.includes('cluster_state:ok') && state.includes(`known_nodes:${masters}`));
    });
  });
  return { nodes, ports: nodes.map(({ port }) => port), stop: async () => void (await stopAll(nodes)) };
}

/** Starts a master, a replica, and three sentinels that know both and each other. They notice a dead master after 1 s. */
export async function startRedisSentinel(): Promise<RedisSentinelGroup> {
  // A master waits five seconds for more replicas before it sends the first its data.
  const master = await startRedisServer({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedisServer({ args: ['--replicaof', master.host, String(master.port)] }).catch(
    async (error: unknown) => {
      await master.stop();
      throw error;
    },
  );
  // Sentinels look for replicas every ten seconds only, so the replica has to be there when they first ask.
  await withClients([master, replica], ([client]) =>
    pollUntil('the replica is not online', async () => !!(await client?.info('replication'))?.includes('state=online')),
  );

  const configure = async (folder: string) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `sentinel monitor ${MASTER_NAME} ${master.host} ${master.port} 2`,
      `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
      `sentinel failover-timeout ${MASTER_NAME} 3000`,
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    return [file, '--sentinel'];
  };
  const sentinels = await startAll(
    Array.from({ length: SENTINELS }, () => () => startRedisServer({ configure })),
  ).catch(async (error: unknown) => {
    await stopAll([master, replica]);
    throw error;
  });
  const servers = [...sentinels, master, replica];
  await withClients(servers, (clients) =>
    pollUntil('the sentinels do not know one another', async () => {
      const answers = await Promise.all(
        clients.slice(0, SENTINELS).map((client) => client.call('SENTINEL', 'MASTER', MASTER_NAME)),
      );
      return answers.every((answer) => {
        const fields = pairs(answer);
        return fields['num-slaves'] === '1' && fields['num-other-sentinels'] === String(SENTINELS - 1);
      });
    }),
  );
  return { masterName: MASTER_NAME, master, replica, sentinels, stop: async () => void (await stopAll(servers)) };
}

/** RESP2 sends a flat list of names and values where RESP3 sends a map. */
function pairs(answer: unknown): Record<string, unknown> {
  if (!Array.isArray(answer)) return answer as Record<string, unknown>;
  const flat = answer as unknown[];
  return Object.fromEntries(
    flat.flatMap((name, index) => (index % 2 === 0 ? [[String(name), flat[index + 1]] as const] : [])),
  );
}
