import assert from 'node:assert/strict';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { RevocationIncompleteError, SessionStoreUnavailableError } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';
import type { SessionRecord } from '#src/core/session/session-record.js';
import {
  END,
  type HybridWorld,
  useHybridWorld,
  listIds,
  signIn,
  type HybridInstance,
} from '../integration/hybrid/world.js';
import { waitUntil } from '../support/poll.js';
import { describeIncompleteSignOuts } from './hybrid-incomplete-sign-outs.js';

type Side = 'redis' | 'postgres';

const SIDES: readonly Side[] = ['redis', 'postgres'];

interface Revocation {
  readonly name: string;
  readonly run: (store: SessionStore, devices: Devices) => Promise<unknown>;
  /** The devices of the user that it is meant to end. */
  readonly meant: (devices: Devices) => readonly SessionRecord[];
}

/** Sessions of one user. */
interface Devices {
  readonly userId: string;
  readonly own: SessionRecord;
  readonly other: SessionRecord;
}

const REVOCATIONS: readonly Revocation[] = [
  {
    name: 'revoke',
    run: (store, { userId, other }) => store.revoke({ id: other.id, userId, ...END }),
    meant: ({ other }) => [other],
  },
  {
    name: 'revokeAll',
    run: (store, { userId }) => store.revokeAll({ userId, ...END }),
    meant: ({ own, other }) => [own, other],
  },
  {
    name: 'revokeOthers',
    run: (store, { userId, own }) => store.revokeAll({ userId, exceptId: own.id, ...END }),
    meant: ({ other }) => [other],
  },
];

const EACH = SIDES.flatMap((away) => REVOCATIONS.map((revocation) => ({ away, revocation, name: revocation.name })));

describe('a revocation that one side could not take (I2)', () => {
  let world: HybridWorld;
  let here: HybridInstance;
  let there: HybridInstance;

  useHybridWorld((opened) => (world = opened));
  beforeAll(async () => {
    [here, there] = [await world.openInstance(), await world.openInstance()];
  });
  afterEach(async () => {
    for (const side of SIDES) await here.rejoin(side);
    await there.sweep();
    const { ghosts, stale, stoppedBy } = await there.store.reconcile();
    assert.deepEqual({ ghosts, stale, stoppedBy }, { ghosts: 0, stale: 0, stoppedBy: 'done' });
  });

  const openDevices = async (): Promise<Devices> => {
    const userId = `user ${randomUUID()}`;
    const [own, other] = [await signIn(there.store, { userId }), await signIn(there.store, { userId })];
    return { userId, own, other };
  };

  /** Counts the work that each side keeps for the other. */
  const countPending = async () => {
    const [row] = await world.postgres.query<{ count: number }>(
      `select count(*)::integer as count from ${world.postgres.schema}.session_hot_changes`,
    );
    return { postgres: row?.count, redis: await world.redis.hlen('nest-sessions:revocations') };
  };

  /** Age of the oldest revocation that Redis keeps. */
  const readLongestKeptMs = async () => {
    const [kept, [seconds, microseconds]] = await Promise.all([
      world.redis.hvals('nest-sessions:revocations'),
      world.redis.time(),
    ]);
    const keptAtMs = kept.map((value) => Number.parseInt(value, 10));
    return Number(seconds) * 1000 + Number(microseconds) / 1000 - Math.min(...keptAtMs);
  };

  const leaveIncomplete = async (away: Side, { run }: Revocation) => {
    const devices = await openDevices();
    here.cutOff(away);
    await expect(run(here.store, devices)).rejects.toBeInstanceOf(RevocationIncompleteError);
    return devices;
  };

  const expectCarriedOut = async (devices: Devices, { meant }: Revocation) => {
    const over = meant(devices).map(({ id }) => id);
    for (const { id } of [devices.own, devices.other]) {
      const isOver = over.includes(id);
      expect((await there.store.find(id)).live).toBe(!isOver);
      expect((await listIds(there.store, devices.userId)).includes(id)).toBe(!isOver);
      expect(await world.hasCopy(id)).toBe(!isOver);
      expect(await world.auditOf(id)).toEqual(['session.created', ...(isOver ? ['session.ended revoked admin'] : [])]);
    }
    expect(await countPending()).toEqual({ postgres: 0, redis: 0 });
  };

  describe.each(EACH)('$name without $away', ({ away, revocation }) => {
    it('names the side that is pending, and the other side keeps the work', async () => {
      const devices = await openDevices();
      here.cutOff(away);
      const refusal = await revocation.run(here.store, devices).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(RevocationIncompleteError);
      expect(refusal).toMatchObject({ pending: away, store: 'hybrid', code: 'SESSION_REVOCATION_INCOMPLETE' });
      const count = revocation.meant(devices).length;
      expect(await countPending()).toEqual(
        away === 'redis' ? { postgres: count, redis: 0 } : { postgres: 0, redis: 1 },
      );
      for (const { id } of revocation.meant(devices)) {
        expect(await world.hasCopy(id)).toBe(away === 'redis');
        expect(await world.auditOf(id)).toHaveLength(away === 'redis' ? 2 : 1);
      }
    });

    it('is finished by another instance', async () => {
      const devices = await leaveIncomplete(away, revocation);
      await there.sweep();
      await expectCarriedOut(devices, revocation);
    });

    it('is finished by the instance that could not, once it can', async () => {
      const devices = await leaveIncomplete(away, revocation);
      await here.rejoin(away);
      await here.sweep();
      await expectCarriedOut(devices, revocation);
    });

    it('is finished after that instance has ended, by one that starts later', async () => {
      const devices = await openDevices();
      const ending = await world.openInstance();
      ending.cutOff(away);
      await expect(revocation.run(ending.store, devices)).rejects.toMatchObject({ pending: away });
      await ending.store.stop();
      const started = await world.openInstance();
      await started.sweep();
      await expectCarriedOut(devices, revocation);
    });

    it('may be made again: incomplete while the side is away, and done when it is back', async () => {
      const devices = await leaveIncomplete(away, revocation);
      await expect(revocation.run(here.store, devices)).rejects.toMatchObject({ pending: away });
      await here.rejoin(away);
      await revocation.run(here.store, devices);
      for (const { store } of [here, there]) {
        for (const { id } of revocation.meant(devices)) expect(await store.find(id)).toMatchObject({ live: false });
      }
      await there.sweep();
      await expectCarriedOut(devices, revocation);
    });

    it('is finished once by sweepers one after the other, and by the same one again', async () => {
      const devices = await leaveIncomplete(away, revocation);
      await here.rejoin(away);
      for (const instance of [there, here, here]) await instance.sweep();
      await expectCarriedOut(devices, revocation);
    });

    const steps =
      away === 'redis'
        ? ['durable.listHotChanges', 'hot.drop', 'durable.forgetHotChanges']
        : ['hot.listKeptRevocations', `durable.${revocation.name === 'revoke' ? 'revoke' : 'revokeAll'}`].concat([
            'hot.forgetRevocations',
            'durable.listHotChanges',
            'hot.drop',
            'durable.forgetHotChanges',
          ]);

    it.each(steps.flatMap((step) => [`before ${step}`, `after ${step}`]))(
      'is finished once by a sweeper that is held %s while another one does all of it',
      async (point) => {
        const devices = await leaveIncomplete(away, revocation);
        await here.rejoin(away);
        const gate = here.calls.holdNext(point);
        const sweeping = here.sweep();
        await gate.reached;
        await there.sweep();
        // The held sweeper might as well be dead.
        await expectCarriedOut(devices, revocation);
        const later = await signIn(there.store, { userId: devices.userId });
        gate.open();
        await sweeping;
        await expectCarriedOut(devices, revocation);
        for (const { store } of [here, there]) expect(await store.find(later.id)).toMatchObject({ live: true });
      },
    );
  });

  it('does not end who signs in after a revokeAll that is carried out late, because a sweep has others to do first', async () => {
    const [{ own: stranger }, { userId, own, other }] = [await openDevices(), await openDevices()];
    here.cutOff('postgres');
    await expect(here.store.revoke({ id: stranger.id, ...END })).rejects.toMatchObject({ pending: 'postgres' });
    here.passBreakerPeriod();
    await expect(here.store.revokeAll({ userId, ...END })).rejects.toMatchObject({ pending: 'postgres' });
    // Longer than a statement may take to reach Postgres: sessions of that interval may end with a late revocation.
    await waitUntil('it was kept for a second', async () => (await readLongestKeptMs()) >= 1_000);
    const gate = there.calls.holdNext('before durable.revoke');
    const sweeping = there.sweep();
    await gate.reached;
    const keptForMs = await readLongestKeptMs();
    const later = await signIn(there.store, { userId });
    await waitUntil('the sweep has taken longer than the revocations were kept before it', async () => {
      const [row] = await world.postgres.query<{ ms: number }>(
        'select 1000 * extract(epoch from clock_timestamp() - created_at)::float8 as ms from sessions where id = $1',
        [later.id],
      );
      return row !== undefined && row.ms > keptForMs;
    });
    gate.open();
    await sweeping;
    for (const { id } of [own, other]) expect(await there.store.find(id)).toMatchObject({ live: false });
    expect(await there.store.find(later.id)).toMatchObject({ live: true });
    expect(await listIds(there.store, userId)).toEqual([later.id]);
  });

  it('says so plainly when both sides are away: nothing was done, and nothing is pending (docs: not promised)', async () => {
    const devices = await openDevices();
    for (const side of SIDES) here.cutOff(side);
    const refusal = await here.store.revoke({ id: devices.other.id, ...END }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(SessionStoreUnavailableError);
    expect(refusal).not.toBeInstanceOf(RevocationIncompleteError);
    expect(await countPending()).toEqual({ postgres: 0, redis: 0 });
    expect(await there.store.find(devices.other.id)).toMatchObject({ live: true });
  });

  describeIncompleteSignOuts();
});
