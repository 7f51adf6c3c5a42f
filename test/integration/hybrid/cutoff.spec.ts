import { eventually } from '../../support/redis-probes.js';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '#src/core/session/session-errors.js';
import { PortCalls } from '../../support/port-calls.js';
import { readWhileLost } from '../service/floor-losses.js';
import { type HybridWorld, useHybridWorld, listIds, signIn, type HybridInstance } from './world.js';

const END = { reason: 'admin', endedBy: 'operator' } as const;

let world: HybridWorld;
let here: HybridInstance;
let there: HybridInstance;

useHybridWorld((opened) => (world = opened));
beforeAll(async () => {
  [here, there] = [await world.openInstance(), await world.openInstance()];
});

const expectOver = async (id: string) => {
  for (const { store } of [here, there]) expect(await store.find(id)).toEqual({ live: false, reason: 'ended' });
};

describe('the end of everything in the hybrid store (ASVS 7.4.5)', () => {
  it('ends belief in every copy by one key, whose sessions Postgres then refuses', async () => {
    const { id, version } = await signIn(here.store);
    expect(await there.store.find(id)).toMatchObject({ live: true });
    await there.store.revokeEverything(END);
    expect(await world.hasCopy(id)).toBe(true);
    expect(await here.store.update({ id, expectedVersion: version, data: { late: true } })).toMatchObject({
      applied: false,
      reason: 'absent',
    });
    await expectOver(id);
    expect(await listIds(here.store, 'alice')).toEqual([]);
    expect(
      await world.postgres.query(`select reason, actor from session_audit where event = 'everything.ended'`),
    ).toEqual([{ reason: 'admin', actor: 'operator' }]);
  });

  it('asks Postgres once more about a session that stands, and keeps its data', async () => {
    const { id } = await signIn(here.store);
    await there.store.revokeEverything({ ...END, before: new Date(Date.now() - 3_600_000) });
    here.calls.made.length = 0;
    expect(await here.store.find(id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
    expect(here.calls.made).toContain('durable.find');
    here.calls.made.length = 0;
    expect(await here.store.find(id)).toMatchObject({ live: true, record: { data: { cart: 1 } } });
    expect(here.calls.made).toEqual(['hot.read']);
  });

  it.each(['after durable.find', 'before hot.lease', 'before hot.promote'])(
    'is not undone by a fill that is held %s',
    async (point) => {
      const { id } = await signIn(here.store);
      await world.redis.hdel(`nest-sessions:{${id.slice(19, 23)}${id.slice(24)}}`, id, `${id}:t`, `${id}:g`);
      const gate = here.calls.holdNext(point);
      const filling = here.store.find(id);
      await gate.reached;
      await there.store.revokeEverything(END);
      gate.open();
      expect(await filling).toMatchObject({ live: false });
      await expectOver(id);
    },
  );

  it('without Redis is incomplete, and the sweeper of any instance finishes it', async () => {
    const { id } = await signIn(here.store);
    there.cutOff('redis');
    await expect(there.store.revokeEverything(END)).rejects.toMatchObject({
      code: 'SESSION_REVOCATION_INCOMPLETE',
      pending: 'redis',
    });
    await here.sweep();
    expect(await here.store.find(id)).toEqual({ live: false, reason: 'ended' });
    await there.rejoin('redis');
    await eventually(() => expectOver(id));
  });

  it('does not resolve while an instance goes by the epoch of before, because Redis had lost the new one', async () => {
    const unaware = await world.openInstance();
    const { id } = await signIn(here.store);
    const before = await world.redis.hget('nest-sessions:floor', 'epoch');
    const ending = there.store.revokeEverything(END);
    await eventually(async () => expect(await world.redis.hget('nest-sessions:floor', 'epoch')).not.toBe(before));
    await readWhileLost({
      redis: world.redis,
      key: 'nest-sessions:floor',
      field: 'epoch',
      read: () => unaware.store.find(id),
      until: ending,
    });
    await ending;
    expect(await unaware.store.find(id)).toEqual({ live: false, reason: 'ended' });
  });

  it('without Postgres does nothing and says so', async () => {
    const { id } = await signIn(here.store);
    there.cutOff('postgres');
    await expect(there.store.revokeEverything(END)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    await there.rejoin('postgres');
    expect(await here.store.find(id)).toMatchObject({ live: true });
  });

  it('is learnt from Postgres by an instance that starts after Redis lost its key', async () => {
    const { id } = await signIn(here.store);
    const key = `nest-sessions:{${id.slice(19, 23)}${id.slice(24)}}`;
    const believed = await world.redis.hgetall(key);
    await there.store.revokeEverything(END);
    await world.redis.flushall();
    await world.redis.hset(key, believed);
    const newcomer = await world.openInstance();
    expect(await newcomer.store.find(id)).toEqual({ live: false, reason: 'ended' });
    expect(await world.redis.hget('nest-sessions:floor', 'epoch')).not.toBeNull();
  });

  it('is not missed by an instance that cannot learn it as it starts: it asks Postgres until it has swept', async () => {
    const { id } = await signIn(here.store);
    const key = `nest-sessions:{${id.slice(19, 23)}${id.slice(24)}}`;
    const [believed, epoch] = [await world.redis.hgetall(key), await world.redis.hget('nest-sessions:floor', 'epoch')];
    await there.store.revokeEverything(END);
    await world.redis.flushall();
    await world.redis.hset(key, believed);
    await world.redis.hset('nest-sessions:floor', 'epoch', epoch ?? '0');
    const calls = new PortCalls();
    calls.failNext('before durable.findEpoch', new SessionStoreUnavailableError('postgres', 'it went away'));
    const newcomer = await world.openInstance({ calls });
    newcomer.passBreakerPeriod();
    expect(await newcomer.store.find(id)).toEqual({ live: false, reason: 'ended' });
    await newcomer.sweep();
    const later = await signIn(newcomer.store);
    calls.made.length = 0;
    expect(await newcomer.store.find(later.id)).toMatchObject({ live: true });
    expect(calls.made).toEqual(['hot.read']);
  });

  it('takes as many commands and statements with 2,000 sessions as with one', async () => {
    const measure = async () => {
      here.calls.made.length = 0;
      const before = await world.redis.info('stats');
      await here.store.revokeEverything(END);
      const commands = [before, await world.redis.info('stats')].map((info) =>
        Number(/total_commands_processed:(\d+)/.exec(info)?.[1]),
      );
      expect(here.calls.made).toEqual(['durable.revokeEverything', 'hot.advanceEpoch']);
      return (commands[1] ?? 0) - (commands[0] ?? 0);
    };
    await signIn(here.store);
    const few = await measure();
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => signIn(here.store, { userId: `u${batch}-${index}` })),
      );
    }
    expect(await measure()).toBeLessThanOrEqual(few + 10);
  });
});
