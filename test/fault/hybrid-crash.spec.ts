import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { waitUntil } from '../support/poll.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { CrashWorld, MAX_SESSIONS, type Crash, type CrashPlan } from './hybrid-crash-world.js';
import type { HybridCommands, HybridProcess, Login } from './hybrid-process.js';

/** Long enough for a lone command to have left; long enough for Redis to have answered; in between. */
const TURNS = [1, 2, 4];

type Way = 'at each step' | 'at each step, another one looking' | `${number} turns into each step`;

const WAYS: readonly Way[] = [
  'at each step',
  'at each step, another one looking',
  ...TURNS.map((turns): Way => `${turns} turns into each step`),
];

// Steps are calls of the ports, recorded from a run that nothing happens to: a new one is covered by itself.
describe('a process that is killed while the hybrid store is at work, and the one that is left', () => {
  let world: CrashWorld;
  let survivor: HybridProcess;

  beforeAll(async () => {
    world = await CrashWorld.open();
    survivor = world.survivor;
  });
  afterEach(async () => {
    expect(await survivor.run('reconcile')).toEqual({ ghosts: 0, stale: 0, stoppedBy: 'done' });
    expect(await world.listKeysWithoutExpiry()).toEqual([]);
  });
  afterAll(() => world.close());

  const newUser = () => `user ${randomUUID()}`;
  const signIn = (userId: string) => survivor.run('create', { userId, data: { visits: 7 } });

  /** All crashes of the operation; how many there are is not asked of those in flight. */
  const crash = async <Subject, Command extends keyof HybridCommands>(
    way: Way,
    { meanwhile, ...plan }: CrashPlan<Subject, Command>,
    points: readonly string[] = [],
  ): Promise<Crash<Subject>[]> => {
    const turns = TURNS.find((some) => way.startsWith(String(some)));
    if (turns !== undefined) return world.crashInFlight(plan, turns);
    const isWatched = way === 'at each step, another one looking';
    const crashes = await world.crashEverywhere(isWatched ? { ...plan, meanwhile } : plan);
    expect(crashes.map(({ at }) => at)).toEqual(expect.arrayContaining(['done', ...points]));
    return crashes;
  };

  /** What is in force: of a run that was held that is known, of one in flight only Postgres knows. */
  const hasCommitted = async (way: Way, { one, id, event }: { one: Crash<unknown>; id?: string; event: string }) => {
    const lines = await world.auditOf(id);
    const isRecorded = lines.some((line) => line.startsWith(event));
    const step = { 'session.created': 'create', 'session.rotated': 'rotate' }[event];
    if (way.startsWith('at each')) {
      expect([one.at, isRecorded]).toEqual([one.at, one.hasPassed(`after durable.${step}`)]);
    }
    return isRecorded;
  };

  describe.each(WAYS)('%s', (way) => {
    it('of create: what was acknowledged lives, and the rest is a session that nobody can use, or none', async () => {
      const crashes = await crash(
        way,
        {
          name: 'create',
          prepare: async () => {
            const userId = newUser();
            return { userId, replaced: await signIn(userId) };
          },
          args: ({ userId, replaced }) => [{ userId, data: { visits: 7 }, replacesToken: replaced.token }],
          meanwhile: ({ userId }) => survivor.run('list', userId),
        },
        ['hot.lease', 'durable.create', 'hot.drop', 'hot.promote'].flatMap((step) => [
          `before ${step}`,
          `after ${step}`,
        ]),
      );
      const seeNew = async ({ subject: { userId }, minted }: Crash<{ userId: string }>) => {
        const { id = '', token = '' } = minted ?? {};
        return {
          byToken: (await survivor.run('authenticate', token)) !== false,
          byId: await survivor.run('find', id),
          listed: (await survivor.run('list', userId)).includes(id),
        };
      };
      for (const one of crashes) {
        const { at, minted, subject } = one;
        const isThere = await hasCommitted(way, { one, id: minted?.id, event: 'session.created' });
        const seen = await seeNew(one);
        expect({ at, ...seen }).toEqual({ at, byToken: isThere, byId: isThere, listed: isThere });
        if (at === 'done') expect(await survivor.run('authenticate', minted?.token ?? '')).toBe(7);
        if (one.hasPassed('after hot.drop'))
          expect(await survivor.run('authenticate', subject.replaced.token)).toBe(false);
      }
      await survivor.run('sweep');
      for (const one of crashes) {
        const { at, minted, subject } = one;
        const { replaced, userId } = subject;
        const audit = await world.auditOf(minted?.id);
        const isThere = audit.length > 0;
        expect({ at, ...(await seeNew(one)) }).toEqual({ at, byToken: isThere, byId: isThere, listed: isThere });
        const old = {
          works: await survivor.run('authenticate', replaced.token),
          hasCopy: await world.hasCopy(replaced.id),
          audit: await world.auditOf(replaced.id),
        };
        const asReplaced = { works: false, hasCopy: false, audit: ['session.created', 'session.ended replaced'] };
        const untouched = { works: 7, hasCopy: true, audit: ['session.created'] };
        expect({ at, ...old, new: audit }).toEqual({
          at,
          ...(isThere ? asReplaced : untouched),
          new: isThere ? ['session.created'] : [],
        });
        // It does not take a device's place for ever.
        const next: Login[] = [];
        for (let count = 0; count < MAX_SESSIONS; count += 1) next.push(await signIn(userId));
        const ids = next.map(({ id }) => id).toSorted();
        expect((await survivor.run('list', userId)).toSorted()).toEqual(ids);
        if (minted) expect(await survivor.run('authenticate', minted.token)).toBe(false);
      }
    });

    it('of rotate: one token works, the same one on both sides', async () => {
      const crashes = await crash(
        way,
        {
          name: 'rotate',
          prepare: async () => signIn(newUser()),
          args: ({ token }) => [token],
          meanwhile: ({ token }) => survivor.run('authenticate', token),
        },
        [
          ...['before hot.unconfirm', 'after hot.unconfirm', 'before durable.rotate', 'after durable.rotate'],
          ...['before hot.promote', 'after hot.promote'].slice(way === 'at each step' ? 0 : 2),
        ],
      );
      const seeBoth = async ({ subject, minted }: Crash<Login>) => ({
        old: await survivor.run('authenticate', subject.token),
        new: minted ? await survivor.run('authenticate', minted.token) : false,
      });
      for (const one of crashes) {
        const { at, subject } = one;
        const isRotated = await hasCommitted(way, { one, id: subject.id, event: 'session.rotated' });
        const seen = await seeBoth(one);
        // Who looked between the first step and the commit may have had the old token believed again.
        const isEither = way.endsWith('looking') && at !== 'done';
        if (isEither) expect([at, Object.values(seen).toSorted()]).toEqual([at, [7, false]]);
        else expect({ at, ...seen }).toEqual({ at, old: isRotated ? false : 7, new: isRotated ? 7 : false });
      }
      await survivor.run('sweep');
      for (const one of crashes) {
        const audit = await world.auditOf(one.subject.id);
        const isRotated = audit.length > 1;
        const seen = { ...(await seeBoth(one)), audit };
        expect({ at: one.at, ...seen }).toEqual({
          at: one.at,
          old: isRotated ? false : 7,
          new: isRotated ? 7 : false,
          audit: ['session.created', ...(isRotated ? ['session.rotated'] : [])],
        });
      }
    });
  });
});
