import { describe, expect, it } from '@jest/globals';
import { SessionDataUnavailableError } from 'nest-sessions';
import { waitUntil } from '../../support/poll.js';
import { type HybridWorld, useHybridWorld, listIds, signIn, type HybridInstance } from './world.js';

describe('hybrid: while one side is away', () => {
  let world: HybridWorld;

  useHybridWorld((opened) => (world = opened));

  const lastSeenAtMs = async (id: string) => {
    const [row] = await world.postgres.query<{ ms: string }>(
      `select floor(extract(epoch from last_seen_at) * 1000)::bigint::text as ms from sessions where id = $1`,
      [id],
    );
    return Number(row?.ms);
  };

  const openBreaker = async (instance: HybridInstance, userId: string) => {
    await expect(instance.store.listByUser({ userId })).rejects.toThrow(/postgres/i);
    const made = instance.calls.made.length;
    await expect(instance.store.listByUser({ userId })).rejects.toThrow(/postgres/i);
    expect(instance.calls.made.slice(made)).not.toContain('durable.listByUser');
  };

  it('what a user did during an outage of Postgres reaches it afterwards, although its breaker was open', async () => {
    const instance = await world.openInstance();
    const { id, userId } = await signIn(instance.store, { userId: 'active-through-an-outage' });
    instance.cutOff('postgres');
    await openBreaker(instance, String(userId));
    await world.postgres.query(`update sessions set last_seen_at = last_seen_at - interval '1 minute' where id = $1`, [
      id,
    ]);
    const before = await lastSeenAtMs(id);

    await expect(instance.store.touch({ id, idleTimeoutMs: 1_800_000, touchIntervalMs: 0 })).resolves.toBe(true);
    expect(await lastSeenAtMs(id)).toBe(before);

    await instance.rejoin('postgres');
    await waitUntil('the touch is in Postgres', async () => (await lastSeenAtMs(id)) > before);
    expect(await listIds(instance.store, String(userId))).toEqual([id]);
  });

  it('asks nothing of Postgres for a list or a cleanup while its breaker is open, gathered touches included', async () => {
    const instance = await world.openInstance();
    const { userId } = await signIn(instance.store, { userId: 'list-at-once' });
    instance.cutOff('postgres');
    await openBreaker(instance, String(userId));
    const made = instance.calls.made.length;
    await expect(instance.store.cleanUp({ batchSize: 10 })).rejects.toThrow(/postgres/i);
    await expect(instance.store.listByUser({ userId: String(userId) })).rejects.toThrow(/postgres/i);
    expect(instance.calls.made.slice(made)).toEqual([]);
  });

  it('lets data that is not at hand pass through an await, and refuses to be read', async () => {
    const instance = await world.openInstance();
    const { id } = await signIn(instance.store, { userId: 'data-away' });
    instance.cutOff('redis');
    const found = await instance.store.find(id);
    const pass = async () => (found.live ? found.record.data : undefined);
    const data = await pass();
    expect(() => data?.['cart']).toThrow(SessionDataUnavailableError);
    expect(() => JSON.stringify(data)).toThrow(SessionDataUnavailableError);
    expect(() => Object.keys(data ?? {})).toThrow(SessionDataUnavailableError);
  });
});
