import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { waitUntil } from '../support/poll.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { WAYS, type Crash, type CrashPlan, type CrashWorld } from './hybrid-crash-world.js';
import type { Login } from './hybrid-process.js';

type Revocation = 'revoke' | 'revokeAll' | 'revokeOthers';

interface Subject {
  readonly userId: string;
  /** Sessions that the revocation is meant to end. */
  readonly meant: readonly Login[];
  readonly kept: readonly Login[];
}

interface Case {
  readonly name: Revocation;
  readonly choose: (first: Login, second: Login) => Omit<Subject, 'userId'>;
  readonly args: CrashPlan<Subject, Revocation>['args'];
}

const CASES: readonly Case[] = [
  {
    name: 'revoke',
    choose: (first, second) => ({ meant: [first], kept: [second] }),
    args: ({ meant: [own] }) => [own?.id ?? ''],
  },
  {
    name: 'revokeAll',
    choose: (first, second) => ({ meant: [first, second], kept: [] }),
    args: ({ userId }) => [userId],
  },
  {
    name: 'revokeOthers',
    choose: (first, second) => ({ meant: [first], kept: [second] }),
    args: ({ userId, kept: [own] }) => [{ id: own?.id ?? '', userId }],
  },
];

const LIVE = { visits: 7, listed: true, hasCopy: true, audit: ['session.created'] };
const OVER = { visits: false, listed: false, hasCopy: false, audit: ['session.created', 'session.ended revoked'] };

/** What remains of revocations whose process was killed. */
export function describeCrashedRevocations(getWorld: () => CrashWorld): void {
  const signIn = (userId: string) => getWorld().survivor.run('create', { userId, data: { visits: 7 } });

  const planFor = ({ name, choose, args }: Case): CrashPlan<Subject, Revocation> => ({
    name,
    args,
    prepare: async () => {
      const userId = `user ${randomUUID()}`;
      return { userId, ...choose(await signIn(userId), await signIn(userId)) };
    },
    meanwhile: async ({ meant }, round) => {
      if (round > 0) return;
      for (const { token } of meant) await getWorld().survivor.run('authenticate', token);
    },
  });

  const see = async ({ id, token }: Login, { userId }: Subject) => {
    const world = getWorld();
    return {
      visits: await world.survivor.run('authenticate', token),
      listed: (await world.survivor.run('list', userId)).includes(id),
      hasCopy: await world.hasCopy(id),
      audit: await world.auditOf(id),
    };
  };

  const expectEnd = async ({ at, subject }: Crash<Subject>, wanted: typeof LIVE | typeof OVER) => {
    for (const login of subject.meant) expect({ at, ...(await see(login, subject)) }).toEqual({ at, ...wanted });
    for (const login of subject.kept) expect({ at, ...(await see(login, subject)) }).toEqual({ at, ...LIVE });
  };

  const isRecorded = async ({ subject: { meant } }: Crash<Subject>) => {
    const audits = await Promise.all(meant.map(({ id }) => getWorld().auditOf(id)));
    const [first = 0, ...others] = audits.map((audit) => audit.length);
    expect(others.every((length) => length === first)).toBe(true);
    return first > 1;
  };

  describe.each(CASES)('$name', (one) => {
    const { name, args } = one;
    const commit = `durable.${name === 'revoke' ? 'revoke' : 'revokeAll'}`;
    const steps = [commit, 'hot.drop', ...(name === 'revoke' ? [] : ['hot.unconfirmUser'])];
    const points = steps.flatMap((step) => [`before ${step}`, `after ${step}`]);

    /** Runs whose revocation took effect, and runs in which nothing happened. */
    const split = async (crashes: readonly Crash<Subject>[]) => {
      const [committed, undone]: Crash<Subject>[][] = [[], []];
      for (const crash of crashes) {
        const isCommitted = await isRecorded(crash);
        const { at } = crash;
        expect({ at, isCommitted }).toEqual({ at, isCommitted: crash.hasPassed(`after ${commit}`) ?? isCommitted });
        (isCommitted ? committed : undone)?.push(crash);
      }
      return { committed: committed ?? [], undone: undone ?? [] };
    };

    // Another instance reads in one round only.
    it.each(WAYS.slice(1))('%s: nothing came of it, or it is in force once made again or swept', async (way) => {
      const { survivor } = getWorld();
      // One round is repeated, the other one is swept.
      const crashes = await getWorld().crash({ ...planFor(one), rounds: 2 }, { way, points });
      const { committed, undone } = await split(crashes);
      for (const crash of undone) await expectEnd(crash, LIVE);
      for (const crash of committed) {
        if (crash.at === 'done' || crash.hasPassed('after hot.drop')) await expectEnd(crash, OVER);
      }
      for (const crash of crashes.filter(({ round }) => round === 0)) {
        await survivor.run(name, ...args(crash.subject));
        for (const { token } of crash.subject.meant) {
          expect([crash.at, await survivor.run('authenticate', token)]).toEqual([crash.at, false]);
        }
      }
      await survivor.run('sweep');
      for (const crash of crashes) {
        const isOver = crash.round === 0 || committed.includes(crash);
        await expectEnd(crash, isOver ? OVER : LIVE);
      }
    });

    it('at each step: an instance that starts afterwards sweeps by itself what is in force', async () => {
      const crashes = await getWorld().crash(planFor(one), { way: 'at each step', points });
      const { committed, undone } = await split(crashes);
      const copies = committed.flatMap(({ subject }) => subject.meant);
      expect(await getWorld().hasCopy(copies[0]?.id ?? '')).toBe(true);
      const next = await getWorld().start({ sweepInterval: '200ms' });
      await waitUntil('the copies are gone', async () => {
        const left = await Promise.all(copies.map(({ id }) => getWorld().hasCopy(id)));
        return !left.includes(true);
      });
      await next.kill();
      for (const crash of committed) await expectEnd(crash, OVER);
      for (const crash of undone) await expectEnd(crash, LIVE);
    });

    it('at each step while it does not reach Postgres: what Redis keeps is carried out by who does', async () => {
      const { postgresUrl, survivor } = getWorld();
      const toPostgres = await TcpProxy.open(Number(postgresUrl.port || 5432));
      postgresUrl.hostname = '127.0.0.1';
      postgresUrl.port = String(toPostgres.port);
      const crashes = await getWorld().crashEverywhere(planFor(one), {
        settings: { postgresUrl: postgresUrl.href },
        onStarted: () => toPostgres.refuse(),
      });
      await toPostgres.close();
      const kept = ['before hot.keepRevocation', 'after hot.keepRevocation'];
      expect(crashes.map(({ at }) => at)).toEqual([`before ${commit}`, `failed ${commit}`, ...kept, 'failed']);
      const later = await Promise.all(crashes.map(({ subject }) => signIn(subject.userId)));
      await survivor.run('sweep');
      for (const [index, crash] of crashes.entries()) {
        await expectEnd(crash, crash.hasPassed('after hot.keepRevocation') ? OVER : LIVE);
        // Sessions that began afterwards were not meant.
        expect([crash.at, await survivor.run('authenticate', later[index]?.token ?? '')]).toEqual([crash.at, 7]);
      }
    });
  });
}
