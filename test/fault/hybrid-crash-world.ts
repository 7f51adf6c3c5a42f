import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { openMigrated } from '../e2e/support/e2e-stores.js';
import { waitUntil } from '../support/poll.js';
import { createTestSchema, type TestSchema } from '../support/postgres.js';
import { createTestPrefix, type TestPrefix } from '../support/redis.js';
import { HybridProcess, type HybridCommands, type Login, type ProcessSettings, type Trace } from './hybrid-process.js';

export const MAX_SESSIONS = 3;

/** A command that waits for nothing has left after one turn of the event loop. After more turns Redis may have answered. */
const TURNS_IN_FLIGHT = [1, 2, 4];

export const WAYS = ['at each step', 'at each step, another one looking', 'on the way to each next step'] as const;

export type Way = (typeof WAYS)[number];

/** An operation during which its process is killed. */
export interface CrashPlan<Subject, Command extends keyof HybridCommands> {
  readonly name: Command;
  /** Creates the subject of one run. No other run shares it. */
  readonly prepare: () => Promise<Subject>;
  readonly args: (subject: Subject) => Parameters<HybridCommands[Command]>;
  /** Number of runs that die at each point. Default 1. */
  readonly rounds?: number;
  /** What the surviving process does at each point of the operation. Default: nothing. */
  readonly meanwhile?: (subject: Subject, round: number) => Promise<unknown>;
}

/** One run of the operation, whose process is dead. */
export interface Crash<Subject> {
  readonly subject: Subject;
  /** Number of the run, from 0, among those that die at the same point. */
  readonly round: number;
  /** The last point that it reached before it died. `done` or `failed` when the operation had been answered. */
  readonly at: string;
  /** The tokens that it handed out, or would have. */
  readonly minted: Login | undefined;
  /** Whether it reached this point. `undefined` when it died on its way there, so that this is unknown. */
  hasPassed(point: string): boolean | undefined;
}

interface CrashOptions {
  /** Name of the process that dies. */
  readonly settings?: Partial<ProcessSettings>;
  /** Called once that process runs. */
  readonly onStarted?: () => void;
}

/** Real processes on the same Redis and Postgres: one survives, the others are killed. None sweeps by itself. */
export class CrashWorld {
  private readonly names: string[] = [];

  private constructor(
    private readonly database: TestSchema,
    private readonly keys: TestPrefix,
    private readonly admin: DataSource,
    private readonly redis: Redis,
    private readonly started: HybridProcess[],
  ) {}

  static async open(): Promise<CrashWorld> {
    const database = await createTestSchema();
    const keys = createTestPrefix();
    const [admin, redis] = [await openMigrated(database), new Redis(keys.url)];
    const world = new CrashWorld(database, keys, admin, redis, []);
    await world.start();
    return world;
  }

  get postgresUrl(): URL {
    return new URL(this.database.url);
  }

  get survivor(): HybridProcess {
    const [survivor] = this.started;
    if (!survivor) throw new Error('nothing was started');
    return survivor;
  }

  async start(overrides: Partial<ProcessSettings> = {}): Promise<HybridProcess> {
    const name = `crash-${randomUUID()}`;
    const [redisUrl, postgresUrl] = [new URL(this.keys.url), new URL(overrides.postgresUrl ?? this.database.url)];
    redisUrl.searchParams.set('connectionName', name);
    postgresUrl.searchParams.set('application_name', name);
    const started = await HybridProcess.start({
      keyPrefix: this.keys.prefix,
      schema: this.database.schema,
      sweepInterval: '1h',
      maxSessionsPerUser: MAX_SESSIONS,
      ...overrides,
      redisUrl: redisUrl.href,
      postgresUrl: postgresUrl.href,
    });
    this.names.push(name);
    this.started.push(started);
    // The wait for the end of all connections of this name needs at least one.
    const connected = await this.countConnections(name);
    if (connected.postgres === 0 || connected.redis === 0) throw new Error(`${name} is not connected by its name`);
    return started;
  }

  /** @param points - Points that the operation must reach, where these are known. */
  async crash<Subject, Command extends keyof HybridCommands>(
    { meanwhile, ...plan }: CrashPlan<Subject, Command>,
    { way, points }: { readonly way: Way; readonly points: readonly string[] },
  ): Promise<Crash<Subject>[]> {
    if (way === 'on the way to each next step') return this.crashInFlight(plan);
    const isWatched = way === 'at each step, another one looking';
    const crashes = await this.crashEverywhere(isWatched ? { ...plan, meanwhile } : plan);
    const missing = [...points, 'done'].filter((point) => crashes.every(({ at }) => at !== point));
    if (missing.length > 0) throw new Error(`${plan.name} did not come to: ${missing.join(', ')}`);
    return crashes;
  }

  /**
   * Records the points that the operation passes, then runs it once for each point. It holds each run at its own point and
   * kills the process of all runs. One more run has been acknowledged by then.
   */
  async crashEverywhere<Subject, Command extends keyof HybridCommands>(
    plan: CrashPlan<Subject, Command>,
    { settings, onStarted }: CrashOptions = {},
  ): Promise<Crash<Subject>[]> {
    const victim = await this.start(settings);
    onStarted?.();
    const recorded = await this.traceOne(victim, { plan, holdAt: Infinity, round: 0 });
    const points = recorded.trace.points;
    const runs = await this.traceEach(victim, { plan, holdAts: [...points.keys(), Infinity] });
    for (const { trace, holdAt } of runs) {
      const expected = points.slice(0, holdAt + 1).join(', ');
      if (trace.points.join(', ') !== expected) {
        throw new Error(`a run came another way than the recorded one: ${trace.points.join(', ')}; not ${expected}`);
      }
    }
    await victim.kill();
    await this.forgetsVictim();
    return runs.map((run) => toCrash(run, (point) => run.trace.points.includes(point)));
  }

  /**
   * As above, except that each run goes on for a few turns of the event loop before the process dies. Its next call of a
   * port is under way then. It may take effect or not, or even be followed by another one.
   */
  private async crashInFlight<Subject, Command extends keyof HybridCommands>(
    plan: CrashPlan<Subject, Command>,
  ): Promise<Crash<Subject>[]> {
    const victim = await this.start();
    const { trace } = await this.traceOne(victim, { plan, holdAt: Infinity, round: 0 });
    const holdAts = [...trace.points.keys()].filter((index) => trace.points[index]?.startsWith('before'));
    const rounds = TURNS_IN_FLIGHT.length;
    const runs = await this.traceEach(victim, { plan: { ...plan, rounds }, holdAts });
    await victim.killInFlight(runs.map((run) => ({ call: run.trace.call, turns: TURNS_IN_FLIGHT[run.round] ?? 1 })));
    await this.forgetsVictim();
    return runs.map((run) => toCrash(run, () => undefined));
  }

  /** Whether Redis holds anything of this session, believed or not. */
  async hasCopy(id: string): Promise<boolean> {
    return (await this.redis.hexists(`${this.keys.prefix}:{${id.slice(19, 23)}${id.slice(24)}}`, id)) === 1;
  }

  /** Audit rows as `session.ended revoked`, in the order of the events. */
  async auditOf(id: string | undefined): Promise<string[]> {
    const rows = await this.admin.query<{ line: string }[]>(
      `select concat_ws(' ', event, reason) as line from ${this.database.schema}.session_audit where session_id = $1 order by id`,
      [id],
    );
    return rows.map(({ line }) => line);
  }

  listKeysWithoutExpiry(): Promise<string[]> {
    return this.keys.listKeysWithoutExpiry();
  }

  async close(): Promise<void> {
    await Promise.all(this.started.map((one) => one.kill()));
    await Promise.all([this.admin.destroy(), this.keys.drop()]);
    this.redis.disconnect();
    await this.database.drop();
  }

  private traceEach<Subject, Command extends keyof HybridCommands>(
    victim: HybridProcess,
    { plan, holdAts }: { readonly plan: CrashPlan<Subject, Command>; readonly holdAts: readonly number[] },
  ): Promise<Run<Subject>[]> {
    const rounds = Array.from({ length: plan.rounds ?? 1 }, (_, round) => round);
    return Promise.all(
      rounds.flatMap((round) =>
        holdAts.map(async (holdAt) => ({ ...(await this.traceOne(victim, { plan, holdAt, round })) })),
      ),
    );
  }

  private async traceOne<Subject, Command extends keyof HybridCommands>(
    victim: HybridProcess,
    {
      plan,
      holdAt,
      round,
    }: { readonly plan: CrashPlan<Subject, Command>; readonly holdAt: number; readonly round: number },
  ): Promise<Run<Subject>> {
    const subject = await plan.prepare();
    const trace = victim.trace({ name: plan.name, args: plan.args(subject) }, async (index) => {
      await plan.meanwhile?.(subject, round);
      return index !== holdAt;
    });
    return { subject, trace, holdAt, round, settled: await trace.settled };
  }

  /** Resolves when the servers have noticed the last victim's death: no command of it is under way any more. */
  private async forgetsVictim(): Promise<void> {
    const name = this.names.at(-1) ?? '';
    await waitUntil('both servers have noticed that the process died', async () => {
      const { postgres, redis } = await this.countConnections(name);
      return postgres + redis === 0;
    });
  }

  private async countConnections(name: string): Promise<{ postgres: number; redis: number }> {
    const backends = await this.admin.query<unknown[]>('select from pg_stat_activity where application_name = $1', [
      name,
    ]);
    const clients = String(await this.redis.client('LIST')).split(`name=${name}`);
    return { postgres: backends.length, redis: clients.length - 1 };
  }
}

interface Run<Subject> {
  readonly subject: Subject;
  readonly trace: Trace;
  readonly holdAt: number;
  readonly settled: string;
  readonly round: number;
}

function toCrash<Subject>(
  { subject, trace, settled, round }: Run<Subject>,
  hasPassed: Crash<Subject>['hasPassed'],
): Crash<Subject> {
  const at = settled === 'held' ? (trace.points.at(-1) ?? '') : settled;
  return { subject, round, minted: trace.minted, at, hasPassed };
}
