import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import {
  memoryStore,
  SessionCleanup,
  SessionModule,
  SessionPolicyDescription,
  type SessionModuleOptions,
  type SessionStoreDefinition,
} from 'nest-sessions';
import { hybridStore } from 'nest-sessions/hybrid';
import { postgresStore } from 'nest-sessions/postgres';
import { redisStore } from 'nest-sessions/redis';
import type { CleanUpOutcome } from 'nest-sessions/store';
import { CollectingLogger } from '../../e2e/support/test-app.js';
import { WatchedStore } from '../../e2e/support/watched-store.js';
import { Gate } from '../../support/barrier.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

const JOB = 'nest-sessions:cleanup';
const STEP: CleanUpOutcome = { expired: 3, purged: 2, auditPurged: 1, state: 'more' };

interface World {
  readonly app: INestApplicationContext;
  readonly store: WatchedStore;
  readonly log: string[];
  /** What the store answers to each step of cleanup; the last one again and again. */
  readonly answer: (...steps: (CleanUpOutcome | Error)[]) => void;
}

let open: World[] = [];

const boot = (options: Partial<SessionModuleOptions> = {}, ...schedulers: DynamicModule[]): Promise<World> =>
  bootOn({}, options, ...schedulers);

const bootOn = async (
  definition: Partial<SessionStoreDefinition>,
  options: Partial<SessionModuleOptions>,
  ...schedulers: DynamicModule[]
): Promise<World> => {
  const memory = { ...memoryStore(), ...definition };
  let answers: (CleanUpOutcome | Error)[] = [{ ...STEP, state: 'done' }];
  const store = new WatchedStore({
    ...memory,
    create: async (context) => {
      const made = await memory.create(context);
      made.cleanUp = async () => {
        const [answer = new Error('no answer')] = answers;
        if (answers.length > 1) answers = answers.slice(1);
        if (answer instanceof Error) throw answer;
        return answer;
      };
      return made;
    },
  });
  @Module({ imports: [...schedulers, SessionModule.forRoot({ ...options, store: store.definition })] })
  class RootModule {}
  const logger = new CollectingLogger();
  const app = await NestFactory.createApplicationContext(RootModule, { logger, abortOnError: false });
  const world: World = { app, store, log: logger.lines, answer: (...steps) => (answers = steps) };
  open.push(world);
  return world;
};

afterEach(async () => {
  await Promise.all(open.map(({ app }) => app.close()));
  open = [];
});

describe('a run of SessionCleanup', () => {
  it('goes on until nothing is left, and counts', async () => {
    const { app, answer, store, log } = await boot({ cleanup: false });
    answer(STEP, STEP, { ...STEP, state: 'done' });
    expect(await app.get(SessionCleanup).run()).toEqual({
      expired: 9,
      purged: 6,
      auditPurged: 3,
      batches: 3,
      stoppedBy: 'done',
    });
    expect(store.count('cleanUp')).toBe(3);
    expect(log.join('\n')).toMatch(/log cleanup stopped by "done" after \d+ ms: 9 expired, 6 purged, 3 audit rows/);
  });

  it('stops when another instance is at it', async () => {
    const { app, answer } = await boot({ cleanup: false });
    answer({ expired: 0, purged: 0, auditPurged: 0, state: 'busy' });
    expect(await app.get(SessionCleanup).run()).toMatchObject({ batches: 1, stoppedBy: 'busy' });
  });

  it('stops when its time is spent, and lets other work happen in between', async () => {
    const { app, answer } = await boot({ cleanup: { timeBudget: '20ms' } }, ScheduleModule.forRoot());
    answer(STEP);
    let turns = 0;
    const countTurn = (): void => {
      turns += 1;
      next = setImmediate(countTurn);
    };
    let next = setImmediate(countTurn);
    const result = await app.get(SessionCleanup).run();
    clearImmediate(next);
    expect(result.stoppedBy).toBe('time');
    expect(result.expired).toBe(result.batches * STEP.expired);
    expect(turns).toBeGreaterThanOrEqual(result.batches);
  });

  it('hands the store the batch size', async () => {
    const { app, store } = await boot({ cleanup: { batchSize: 77 } }, ScheduleModule.forRoot());
    const sizes: number[] = [];
    store.store.cleanUp = async ({ batchSize }) => {
      sizes.push(batchSize);
      return { ...STEP, state: 'done' };
    };
    await app.get(SessionCleanup).run();
    expect(sizes).toEqual([77]);
  });

  it('is joined by a second one', async () => {
    const { app, store } = await boot({ cleanup: false });
    const gate = new Gate();
    store.before = (method) => (method === 'cleanUp' ? gate.pass() : undefined);
    const cleanup = app.get(SessionCleanup);
    const runs = [cleanup.run(), cleanup.run()];
    await gate.reached;
    gate.open();
    const [first, second] = await Promise.all(runs);
    expect(second).toBe(first);
    expect(store.count('cleanUp')).toBe(1);
  });

  it('rejects with what the store rejects with, and the next one works', async () => {
    const { app, answer } = await boot({ cleanup: false });
    answer(STEP, new Error('disk full'), { ...STEP, state: 'done' });
    const cleanup = app.get(SessionCleanup);
    await expect(cleanup.run()).rejects.toThrow('disk full');
    expect(await cleanup.run()).toMatchObject({ batches: 1, stoppedBy: 'done' });
  });

  it('ends after its current step when the application closes, and is waited for', async () => {
    const { app, answer, store } = await boot({ cleanup: false });
    answer(STEP);
    const gate = new Gate();
    store.before = (method) => (method === 'cleanUp' ? gate.pass() : undefined);
    const run = app.get(SessionCleanup).run();
    await gate.reached;
    const closed = app.close();
    gate.open();
    await closed;
    expect(await run).toMatchObject({ batches: 1, stoppedBy: 'time' });
    expect(store.calls.indexOf('stop')).toBeGreaterThan(store.calls.indexOf('cleanUp'));
  });
});

describe('the scheduled cleanup', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  /** Moves timers on; runs that they begin end within the turns that follow. */
  const pass = async (minutes: number) => {
    await jest.advanceTimersByTimeAsync(minutes * MINUTE_MS);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  it.each([1, 3])(
    'runs once per interval with %i imports of ScheduleModule.forRoot() (nestjs/docs.nestjs.com#3538)',
    async (imports) => {
      const schedulers = Array.from({ length: imports }, () => ScheduleModule.forRoot());
      const { store } = await boot({ cleanup: { interval: '10m' } }, ...schedulers);
      await pass(8.9);
      expect(store.count('cleanUp')).toBe(0);
      for (let tick = 1; tick <= 5; tick += 1) {
        await pass(tick === 1 ? 2.2 : 11);
        expect(store.count('cleanUp')).toBe(tick);
      }
    },
  );

  it.each([
    [0, 9],
    [0.5, 10],
    [0.999, 10.998],
  ])('varies the interval by a tenth: at random %d after %d minutes of 10', async (random, minutes) => {
    const randomSpy = jest.spyOn(Math, 'random').mockReturnValue(random);
    const { store } = await boot({ cleanup: { interval: '10m' } }, ScheduleModule.forRoot());
    randomSpy.mockRestore();
    await pass(minutes - 0.001);
    expect(store.count('cleanUp')).toBe(0);
    await pass(0.002);
    expect(store.count('cleanUp')).toBe(1);
  });

  it('is one timeout of the scheduler, goes away with the application, and ends when it is deleted there', async () => {
    const { app, store } = await boot({ cleanup: { interval: '10m' } }, ScheduleModule.forRoot());
    const registry = app.get(SchedulerRegistry);
    expect(registry.getTimeouts()).toEqual([JOB]);
    await pass(11);
    expect(registry.getTimeouts()).toEqual([JOB]);
    registry.deleteTimeout(JOB);
    await pass(60);
    expect(store.count('cleanUp')).toBe(1);

    const other = await boot({}, ScheduleModule.forRoot());
    await other.app.close();
    expect(other.app.get(SchedulerRegistry).getTimeouts()).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not overlap with itself, however long a run takes', async () => {
    const { store, answer } = await boot({ cleanup: { interval: '10m' } }, ScheduleModule.forRoot());
    const gate = new Gate();
    store.before = (method) => (method === 'cleanUp' ? gate.pass() : undefined);
    await pass(60);
    expect(store.count('cleanUp')).toBe(1);
    answer({ ...STEP, state: 'done' });
    gate.open();
    await pass(11);
    expect(store.count('cleanUp')).toBe(2);
  });

  it('logs a failure and goes on at the next interval', async () => {
    const { store, answer, log } = await boot({ cleanup: { interval: '10m' } }, ScheduleModule.forRoot());
    answer(new Error('connection refused'), { ...STEP, state: 'done' });
    await pass(11);
    expect(log).toContain('error cleanup failed, the next run tries again: Error: connection refused');
    await pass(11);
    expect(store.count('cleanUp')).toBe(2);
  });

  it('runs on a timer of its own without ScheduleModule, and goes away with the application', async () => {
    const { app, store, answer, log } = await boot({ cleanup: { interval: '10m' } });
    answer(new Error('connection refused'), { ...STEP, state: 'done' });
    await pass(8.9);
    expect(store.count('cleanUp')).toBe(0);
    await pass(2.2);
    expect(store.count('cleanUp')).toBe(1);
    expect(log).toContain('error cleanup failed, the next run tries again: Error: connection refused');
    await pass(11);
    expect(store.count('cleanUp')).toBe(2);
    expect(jest.getTimerCount()).toBe(1);
    await app.close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends when it is deleted from the scheduler during a run', async () => {
    const { app, store } = await boot({ cleanup: { interval: '10m' } }, ScheduleModule.forRoot());
    const gate = new Gate();
    store.before = (method) => (method === 'cleanUp' ? gate.pass() : undefined);
    await pass(11);
    app.get(SchedulerRegistry).deleteTimeout(JOB);
    gate.open();
    await pass(60);
    expect(store.count('cleanUp')).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('leaves alone a timeout of the application under the same name', async () => {
    const { app, store } = await boot({ cleanup: { interval: '10m' } }, ScheduleModule.forRoot());
    const registry = app.get(SchedulerRegistry);
    registry.deleteTimeout(JOB);
    const own = setTimeout(() => undefined, 600 * MINUTE_MS);
    registry.addTimeout(JOB, own);
    await pass(60);
    expect(registry.getTimeout(JOB)).toBe(own);
    clearTimeout(own);
    expect(store.count('cleanUp')).toBe(0);
  });

  it('takes a provider that is only named like a scheduler for none', async () => {
    class OtherRegistry {
      readonly getTimeouts = () => [];
    }
    Object.defineProperty(OtherRegistry, 'name', { value: SchedulerRegistry.name });
    @Module({ providers: [OtherRegistry], exports: [OtherRegistry] })
    class OtherModule {}
    const { store } = await boot({ cleanup: { interval: '10m' } }, { module: OtherModule, global: true });
    await pass(11.1);
    expect(store.count('cleanUp')).toBe(1);
  });

  it.each([
    ['a store that needs none', {}, { needsCleanup: false }],
    ['cleanup: false', { cleanup: false }, {}],
  ] as const)('is not there with %s, with a scheduler or without', async (_what, options, definition) => {
    for (const schedulers of [[], [ScheduleModule.forRoot()]]) {
      const { app, store } = await bootOn(definition, options, ...schedulers);
      expect(schedulers.flatMap(() => app.get(SchedulerRegistry).getTimeouts())).toEqual([]);
      expect(jest.getTimerCount()).toBe(0);
      expect(app.get(SessionPolicyDescription).describePolicy().cleanup).toBeNull();
      expect((await app.get(SessionCleanup).run()).stoppedBy).toBe('done');
      expect(store.count('cleanUp')).toBe(1);
    }
  });

  it('is needed by every store except Redis', () => {
    expect(redisStore({ url: 'redis://localhost' }).needsCleanup).toBe(false);
    const others = [memoryStore(), postgresStore(), hybridStore({ redis: { url: 'redis://localhost' } })];
    expect(others.map(({ needsCleanup = true }) => needsCleanup)).toEqual([true, true, true]);
  });
});
