import assert from 'node:assert/strict';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { describeCrashedRevocations } from './hybrid-crash-revocations.js';
import { CrashWorld, MAX_SESSIONS, WAYS, type Crash } from './hybrid-crash-world.js';
import type { HybridProcess, Login } from './hybrid-process.js';

// Steps are calls of the ports, recorded from an undisturbed run. A new step is therefore covered by itself.
describe('a process that is killed while the hybrid store is at work, and the one that is left', () => {
  let world: CrashWorld;
  let survivor: HybridProcess;

  beforeAll(async () => {
    world = await CrashWorld.open();
    survivor = world.survivor;
  });
  afterEach(async () => {
    const { ghosts, stale, stoppedBy } = await survivor.run('reconcile');
    assert.deepEqual({ ghosts, stale, stoppedBy }, { ghosts: 0, stale: 0, stoppedBy: 'done' });
    assert.deepEqual(await world.listKeysWithoutExpiry(), []);
  });
  afterAll(() => world.close());

  const signIn = (userId: string) => survivor.run('create', { userId, data: { visits: 7 } });

  describe.each(WAYS)('create: %s', (way) => {
    interface Subject {
      readonly userId: string;
      readonly replaced: Login;
    }

    const steps = ['hot.lease', 'durable.create', 'hot.drop', 'hot.promote'];

    const crash = () =>
      world.crash(
        {
          name: 'create',
          prepare: async (): Promise<Subject> => {
            const userId = `user ${randomUUID()}`;
            return { userId, replaced: await signIn(userId) };
          },
          args: ({ userId, replaced }) => [{ userId, data: { visits: 7 }, replacesToken: replaced.token }],
          // Fills the new session's copy.
          meanwhile: ({ userId }) => survivor.run('list', userId),
        },
        { way, points: steps.flatMap((step) => [`before ${step}`, `after ${step}`]) },
      );

    const seeNew = async ({ subject: { userId }, minted }: Crash<Subject>) => ({
      byToken: (await survivor.run('authenticate', minted?.token ?? '')) !== false,
      byId: await survivor.run('find', minted?.id ?? ''),
      listed: (await survivor.run('list', userId)).includes(minted?.id ?? ''),
    });

    const seeReplaced = async ({ subject: { replaced } }: Crash<Subject>) => ({
      visits: await survivor.run('authenticate', replaced.token),
      hasCopy: await world.hasCopy(replaced.id),
      audit: await world.auditOf(replaced.id),
    });

    it('what was acknowledged lives; the rest is a session that nobody was given, or none at all', async () => {
      const crashes = await crash();
      const begun = new Set<Crash<Subject>>();
      for (const one of crashes) {
        const { at, minted } = one;
        const audit = await world.auditOf(minted?.id);
        const isThere = one.hasPassed('after durable.create') ?? audit.length > 0;
        if (isThere) begun.add(one);
        expect({ at, audit }).toEqual({ at, audit: isThere ? ['session.created'] : [] });
        expect({ at, ...(await seeNew(one)) }).toEqual({ at, byToken: isThere, byId: isThere, listed: isThere });
      }
      for (const { minted } of crashes.filter(({ at }) => at === 'done')) {
        expect(await survivor.run('authenticate', minted?.token ?? '')).toBe(7);
      }
      for (const { at, subject } of crashes.filter((one) => one.hasPassed('after hot.drop'))) {
        expect([at, await survivor.run('authenticate', subject.replaced.token)]).toEqual([at, false]);
      }
      await survivor.run('sweep');
      for (const one of crashes) {
        const isThere = begun.has(one);
        const replaced = { visits: false, hasCopy: false, audit: ['session.created', 'session.ended replaced'] };
        const untouched = { visits: 7, hasCopy: true, audit: ['session.created'] };
        const seen = { at: one.at, ...(await seeNew(one)), old: await seeReplaced(one) };
        const wanted = { byToken: isThere, byId: isThere, listed: isThere, old: isThere ? replaced : untouched };
        expect(seen).toEqual({ at: one.at, ...wanted });
      }
      // A session that was never handed out does not take up a place under the limit for ever.
      for (const { at, subject, minted } of crashes) {
        const next: Login[] = [];
        for (let count = 0; count < MAX_SESSIONS; count += 1) next.push(await signIn(subject.userId));
        const listed = await survivor.run('list', subject.userId);
        expect([at, ...listed.toSorted()]).toEqual([at, ...next.map(({ id }) => id).toSorted()]);
        expect(await survivor.run('authenticate', minted?.token ?? '')).toBe(false);
      }
    });
  });

  describe.each(WAYS)('rotate: %s', (way) => {
    const steps = ['hot.unconfirm', 'durable.rotate', ...(way === 'at each step' ? ['hot.promote'] : [])];

    const crash = () =>
      world.crash(
        {
          name: 'rotate',
          prepare: () => signIn(`user ${randomUUID()}`),
          args: ({ token }) => [token],
          // Makes the copy believed again, with the token that holds then.
          meanwhile: ({ token }) => survivor.run('authenticate', token),
        },
        { way, points: steps.flatMap((step) => [`before ${step}`, `after ${step}`]) },
      );

    const seeVisits = async ({ subject, minted }: Crash<Login>) => ({
      byOld: await survivor.run('authenticate', subject.token),
      byNew: await survivor.run('authenticate', minted?.token ?? ''),
    });
    const newToken = { byOld: false, byNew: 7 };
    const oldToken = { byOld: 7, byNew: false };

    it('one token works, and after a sweep it is the one that Postgres has', async () => {
      const crashes = await crash();
      const rotated = new Set<Crash<Login>>();
      for (const one of crashes) {
        const { at, subject } = one;
        const audit = await world.auditOf(subject.id);
        const isRotated = one.hasPassed('after durable.rotate') ?? audit.length > 1;
        if (isRotated) rotated.add(one);
        expect({ at, audit }).toEqual({ at, audit: ['session.created', ...(isRotated ? ['session.rotated'] : [])] });
        const seen = await seeVisits(one);
        // A read right before the commit made the old token believed, until the next step.
        const mayBeStale = way.endsWith('looking') && at !== 'done' && isRotated;
        const allowed = mayBeStale ? [newToken, oldToken] : [isRotated ? newToken : oldToken];
        expect(allowed.map((tokens) => ({ at, ...tokens }))).toContainEqual({ at, ...seen });
      }
      await survivor.run('sweep');
      for (const one of crashes) {
        const wanted = rotated.has(one) ? newToken : oldToken;
        expect({ at: one.at, ...(await seeVisits(one)) }).toEqual({ at: one.at, ...wanted });
      }
    });
  });

  describeCrashedRevocations(() => world);
});
