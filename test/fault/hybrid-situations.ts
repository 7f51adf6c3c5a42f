import type { Session } from 'nest-sessions';
import type { QueryRunner } from 'typeorm';
import { startRedisServer, type RedisServer } from 'local-servers/testing';
import { waitUntil } from '../support/poll.js';
import type { FaultWorld, Sides } from './fault-world.js';
import type { SituationName } from './hybrid-failure-table.js';

/** How a situation begins and ends, on real servers. */
export interface Situation {
  /** Runs before any operation: saves the state that the situation returns to. */
  readonly prepare?: (world: FaultWorld) => Promise<unknown>;
  /** @param sides - Those of the instance under test. */
  readonly begin: (world: FaultWorld, sides: Sides) => Promise<unknown> | void;
  /** Without it, the situation ends as soon as it has begun. */
  readonly end?: (world: FaultWorld) => Promise<unknown> | void;
  /** It costs nothing, so it can begin anew before each call. */
  readonly isCheap?: boolean;
  /** It does not affect other instances, so they finish at once what this one leaves. */
  readonly isOnlyHere?: boolean;
  /** Connections of the instance under test. */
  readonly poolSize?: number;
}

let newMaster: RedisServer | undefined;
let holder: QueryRunner | undefined;

export const SITUATIONS: Record<SituationName, Situation> = {
  'Redis is down': {
    begin: (world) => world.killRedis(),
    end: (world) => world.restartRedis(),
  },
  'Redis hangs': {
    begin: (world) => world.freezeRedis(),
    end: (world) => world.thawRedis(),
  },
  'Redis was made a replica': {
    // As a fail-over does to the former master. The sides keep talking to it.
    begin: async (world, sides) => {
      const instances = [world.instance(sides), world.sweeping].filter((one) => one !== undefined);
      const { token } = await world.instance(sides).service.create({ userId: 'witness', data: { visits: 1 } });
      newMaster = await startRedisServer();
      const { host, port } = world.redisServer;
      const other = world.redis.duplicate({ port: newMaster.port });
      await world.redis.config('SET', 'repl-diskless-sync-delay', '0');
      await other.replicaof(host, port);
      await waitUntil('the new master has it all', async () =>
        (await other.info('replication')).includes('master_link_status:up'),
      );
      await other.replicaof('NO', 'ONE');
      other.disconnect();
      await world.redis.replicaof(host, newMaster.port);
      // Within a second. Until then, clients that were connected before believe it.
      await waitUntil('every instance has noticed', async () => {
        const answers = await Promise.all(instances.map(({ service }) => service.authenticate(token)));
        return answers.every((one) => one.outcome === 'live' && !canReadData(one.session));
      });
    },
    end: async (world) => {
      await world.redis.replicaof('NO', 'ONE');
      await newMaster?.stop();
    },
  },
  'Redis is out of memory': {
    begin: (world) => world.redis.config('SET', 'maxmemory', '1'),
    end: (world) => world.redis.config('SET', 'maxmemory', '0'),
  },
  'Redis was flushed': { begin: (world) => world.redis.flushall(), isCheap: true },
  'Redis forgot its scripts': { begin: (world) => world.redis.script('FLUSH'), isCheap: true },
  'Redis restarted with older data': {
    prepare: (world) => world.redis.save(),
    begin: async (world, { hot }) => {
      await world.killRedis();
      await world.restartRedis({ withSaved: true });
      await waitUntil('the instance reaches Redis again', async () => (await hot.listKeptRevocations(1)).length === 0);
    },
  },
  'Postgres is down': {
    begin: (world) => world.killPostgres(),
    end: (world) => world.restartPostgres(),
  },
  'Postgres hangs': {
    begin: (world) => world.proxy.setFlow({ kind: 'pause' }, 'toServer'),
    end: (world) => world.proxy.setFlow({ kind: 'pass' }),
  },
  'Postgres’ answers are lost': {
    begin: (world) => world.proxy.setFlow({ kind: 'drop' }, 'toClient'),
    end: (world) => {
      world.proxy.breakConnections();
      world.proxy.setFlow({ kind: 'pass' });
    },
  },
  'Postgres dropped its connections': {
    begin: async (world, { pool }) => {
      await world.world.admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()',
      );
      await waitUntil('the pool has noticed', async () => poolOf(pool).totalCount === 0);
    },
  },
  'one connection for everything': { begin: () => undefined, poolSize: 1 },
  'every connection is taken': {
    poolSize: 1,
    isOnlyHere: true,
    begin: (_world, { pool }) => {
      holder = pool.createQueryRunner();
      return holder.connect();
    },
    end: () => holder?.release(),
  },
  'both are down': {
    begin: async (world) => {
      world.proxy.refuse();
      await world.killRedis();
    },
    end: async (world) => {
      world.proxy.accept();
      await world.restartRedis();
    },
  },
};

function canReadData(session: Session): boolean {
  try {
    return 'visits' in session.data;
  } catch {
    return false;
  }
}

function poolOf({ driver }: Sides['pool']): { readonly totalCount: number } {
  return (driver as unknown as { master: { totalCount: number } }).master;
}
