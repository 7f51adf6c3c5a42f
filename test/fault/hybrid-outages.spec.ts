import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionDataUnavailableError, SessionStoreUnavailableError } from 'nest-sessions';
import { waitUntil } from '../support/poll.js';
import { FaultWorld, type Instance } from './fault-world.js';
import {
  FAILURE_TABLE,
  OPERATIONS,
  OUTCOMES,
  outcomeOf,
  SITUATION_NAMES,
  type SituationName,
} from './hybrid-failure-table.js';
import { prepareSubject, run, tryToken, type Subject } from './hybrid-operations.js';
import { SITUATIONS } from './hybrid-situations.js';

/** One operation on a user of its own, before the situation or during it. */
interface Cell {
  readonly operation: (typeof OPERATIONS)[number];
  readonly subject: Subject;
  result: string;
  /** The sides that recorded pending work during the situation. */
  pending: string[];
  mayHaveBegun: boolean;
  readonly mayHaveGhosts: boolean;
  /** The answers to tokens that have ended, during the situation and at the moment when it ended. */
  readonly answersToEnded: string[];
}

type Cells = Record<(typeof OPERATIONS)[number], Cell>;

describe('the failure table of the hybrid store', () => {
  let world: FaultWorld;
  /** Another process, with the only sweeper. */
  let sweeping: Instance;

  beforeAll(async () => {
    world = await FaultWorld.open();
    sweeping = await world.openSweeping({ durableKeys: ['note'] });
  });
  afterAll(() => world?.close());

  const idsOf = ({ sessions }: Subject) => [...sessions.keys()];

  const liveIdsOf = ({ sessions }: Subject) => [...sessions].filter(([, state]) => state === 'live').map(([id]) => id);

  const pendingOf = ({ subject }: Cell) => world.pendingOf({ userId: subject.userId, ids: idsOf(subject) });

  const listIds = async ({ service }: Instance, { userId }: Subject) =>
    (await service.listByUser(userId)).map(({ id }) => id);

  const tryEnded = async ({ subject, answersToEnded }: Cell) => {
    for (const [token, state] of subject.tokens) {
      if (state === 'live') continue;
      for (const instance of [subject, sweeping]) answersToEnded.push(await tryToken(token, instance));
    }
  };

  const answersOf = async (instance: Instance, { tokens }: Subject) => {
    const answers = [...tokens.keys()].map(async (token): Promise<[string, string]> => {
      return [token, (await tryToken(token, instance)) === 'live' ? 'live' : 'over'];
    });
    return new Map(await Promise.all(answers));
  };

  /** Checks that nothing was lost: once no work is pending, every instance and both sides agree with the answers given. */
  const expectAgreement = async (cell: Cell) => {
    const { subject } = cell;
    await waitUntil('nothing is pending', async () => (await pendingOf(cell)).length === 0);
    for (const instance of [subject, sweeping]) {
      await waitUntil('the instance answers again', async () => Array.isArray(await listIds(instance, subject)));
      expect(await answersOf(instance, subject)).toEqual(subject.tokens);
      const listed = await listIds(instance, subject);
      const known = listed.filter((id) => subject.sessions.has(id));
      expect(new Set(known)).toEqual(new Set(liveIdsOf(subject)));
      // A session whose creation was never answered may exist, and no other.
      expect(listed.length - known.length).toBeLessThanOrEqual(cell.mayHaveBegun ? 1 : 0);
    }
    // Copies of sessions that have ended can only come from older data, and no instance believes them.
    const { ghosts, stale } = await subject.store.reconcile({ userId: subject.userId });
    expect([cell.mayHaveGhosts ? 0 : ghosts, stale]).toEqual([0, 0]);
    expect(liveIdsOf(subject)).toEqual(expect.arrayContaining(await world.copiesOf(idsOf(subject))));
  };

  const dataOf = async ({ subject }: Cell) => {
    const found = await subject.service.authenticate(subject.own.token);
    return found.outcome === 'live' ? found.session.data : undefined;
  };

  describe.each(SITUATION_NAMES)('%s', (name: SituationName) => {
    const { prepare, begin, end, isCheap = false, isOnlyHere = false, poolSize = 10 } = SITUATIONS[name];
    const { data } = FAILURE_TABLE[name];
    let before: Cells;
    let during: Cells;

    beforeAll(async () => {
      const sides = await world.openSides({ poolSize });
      const prepareCells = async () => {
        const cells = OPERATIONS.map(async (operation): Promise<[string, Cell]> => {
          const subject = await prepareSubject(world, { operation, sides });
          const mayHaveGhosts = data === 'older';
          const found = { result: '', pending: [], mayHaveBegun: false, answersToEnded: [] };
          return [operation, { operation, subject, mayHaveGhosts, ...found }];
        });
        return Object.fromEntries(await Promise.all(cells)) as Cells;
      };
      const drive = async (cell: Cell) => {
        cell.result = await run(cell.operation, cell.subject);
      };
      before = await prepareCells();
      during = await prepareCells();
      await prepare?.(world);
      await Promise.all(Object.values(before).map(drive));
      // Otherwise the sweeper would repeat what older data undoes.
      await waitUntil('the sweeper has followed', async () => {
        const pending = await Promise.all(Object.values(before).map(pendingOf));
        return pending.every(({ length }) => length === 0);
      });
      await begin(world, sides);
      if (isCheap) {
        for (const cell of Object.values(during)) {
          await begin(world, sides);
          await drive(cell);
        }
      } else {
        await Promise.all(Object.values(during).map(drive));
      }
      for (const cell of Object.values(during)) {
        cell.pending = await pendingOf(cell);
        if (outcomeOf(name, cell.operation) !== OUTCOMES.unheard) continue;
        cell.mayHaveBegun = cell.operation.startsWith('sign in');
        // The only possible cost of a lost answer.
        if (cell.operation === 'rotate') cell.subject.tokens.delete(cell.subject.own.token);
      }
      const all = [...Object.values(before), ...Object.values(during)];
      await Promise.all(all.map(tryEnded));
      await end?.(world);
      // Until a sweep, an instance that reaches both sides may accept a session whose end is pending: the error said so.
      await Promise.all(all.filter(({ result }) => !result.startsWith('pending')).map(tryEnded));
    });

    describe.each(OPERATIONS)('%s', (operation) => {
      const expected = outcomeOf(name, operation);

      it(`${expected.result}; then ${expected.pending} is pending`, () => {
        const { result, pending } = during[operation];
        expect(result).toBe(expected.result);
        const wanted = expected.pending === 'nothing' ? [] : [expected.pending];
        // A change stays recorded until the next sweep, which finds it followed already.
        const isElsewhere = isOnlyHere || expected.result === 'done' || expected === OUTCOMES.unheard;
        const recorded = expected.pending === 'nothing' ? pending : pending.filter((side) => side === expected.pending);
        expect(isElsewhere ? wanted : recorded).toEqual(wanted);
      });

      it('what has ended is not let in, while it lasts and from then on', () => {
        for (const cell of [before[operation], during[operation]]) {
          expect(cell.answersToEnded).not.toContain('live');
          expect(cell.answersToEnded.filter((answer) => answer.startsWith('failed'))).toEqual([]);
        }
      });

      it('heals, and nothing that was acknowledged is lost', async () => {
        await expectAgreement(before[operation]);
        await expectAgreement(during[operation]);
      });
    });

    it(`data is ${data}, what was done before it too`, async () => {
      const visits = { kept: 7, lost: undefined, older: 7 }[data];
      expect((await dataOf(during['read data']))?.visits).toBe(visits);
      expect((await dataOf(before.update))?.visits).toBe(data === 'kept' ? 8 : visits);
      const { note } = (await dataOf(before['update a durable key'])) ?? {};
      expect(note).toBe('b');
    });

    it('activity that was acknowledged reaches Postgres', async () => {
      const touched = [before.touch, during.touch].filter(({ result }) => result === 'done');
      const arrived = async () => {
        const rows = await world.world.query<{ id: string }>(
          `select id from sessions where id = any($1::uuid[]) and expires_at - last_seen_at > interval '55 minutes'`,
          [touched.map(({ subject }) => subject.own.session.id)],
        );
        return rows.length;
      };
      await waitUntil('the touches are in Postgres', async () => (await arrived()) === touched.length);
      expect(await arrived()).toBe(touched.length);
    });
  });

  it('a rotation that Postgres does not answer leaves its session to Postgres, but not once the breaker is open', async () => {
    const sides = await world.openSides();
    const rotating = world.instance(sides, { breakerPeriodMs: 3_600_000 });
    const users = ['first', 'second', 'third', 'left alone'];
    const tokens = await Promise.all(
      users.map(async (userId) => (await rotating.service.create({ userId, amr: ['pwd'] })).token),
    );
    world.proxy.refuse();
    for (const token of tokens) {
      await expect(rotating.service.rotate(token)).rejects.toThrow(SessionStoreUnavailableError);
    }
    const others = world.instance(sides, { breakerPeriodMs: 0 });
    const during = await Promise.all(tokens.map((token) => tryToken(token, others)));
    world.proxy.accept();
    expect(during).toEqual(['refused', 'refused', 'refused', 'live']);
    await waitUntil('Postgres is asked again', async () => (await tryToken(String(tokens[0]), others)) === 'live');
    expect(await Promise.all(tokens.map((token) => tryToken(token, others)))).toEqual(['live', 'live', 'live', 'live']);
  });

  it('a rotation without memory for the copy is done, and the data is not at hand until there is some', async () => {
    const { begin, end } = SITUATIONS['Redis is out of memory'];
    const sides = await world.openSides();
    const subject = await prepareSubject(world, { operation: 'rotate', sides });
    const { service } = world.instance(sides);
    await begin(world, sides);
    const rotated = await service.rotate(subject.own.token);
    const token = rotated.rotated ? rotated.token : '';
    expect(await tryToken(token, subject)).toBe('live');
    const visits = async (instance: Instance) => {
      const found = await instance.service.authenticate(token);
      return found.outcome === 'live' ? found.session.data.visits : undefined;
    };
    await expect(visits(world.instance(sides))).rejects.toThrow(SessionDataUnavailableError);
    await end?.(world);
    expect(await visits(world.instance(sides))).toBe(7);
  });

  it.each(SITUATION_NAMES.filter((name) => outcomeOf(name, 'update a durable key') === OUTCOMES['half done']))(
    'a durable key that only Redis has after "%s" reaches Postgres with the next update',
    async (name) => {
      const { begin, end, poolSize = 10 } = SITUATIONS[name];
      const sides = await world.openSides({ poolSize });
      const subject = await prepareSubject(world, { operation: 'update a durable key', sides });
      const { id } = subject.own.session;
      const noteInPostgres = async () =>
        (await world.world.query<{ note: string }>(`select data->>'note' as note from sessions where id = $1`, [id]))[0]
          ?.note;
      await begin(world, sides);
      expect(await run('update a durable key', subject)).toBe('refused');
      await end?.(world);
      await waitUntil('Postgres is asked again', async () => Array.isArray(await listIds(subject, subject)));
      expect((await subject.service.update(id, { increment: { visits: 1 } }))?.data).toEqual({ visits: 8, note: 'b' });
      expect(await noteInPostgres()).toBe('b');
    },
  );
});
