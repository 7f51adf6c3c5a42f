import { anAuthentication, aNewSession, aTokenHash } from 'nest-sessions/testing';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionStore } from 'nest-sessions/store';
import { type PostgresWorld, usePostgresWorld } from './world.js';
import { HOUR_MS } from '#src/testing/world/durations.js';

interface AuditRow {
  readonly event: string;
  readonly session_id: string;
  readonly reason: string | null;
  readonly actor: string | null;
}

describe('the audit log of the Postgres store (I9)', () => {
  let world: PostgresWorld;
  let store: SessionStore;
  usePostgresWorld((opened) => (world = opened));
  beforeAll(async () => {
    store = await world.openStore();
  });

  const listEvents = (userId: string) =>
    world.query<AuditRow>('select event, session_id, reason, actor from session_audit where user_id = $1 order by id', [
      userId,
    ]);

  it('has one row for each transition, with its reason and who did it, and none for anything else', async () => {
    const userId = 'ada';
    const session = aNewSession({ userId });
    const { id } = session;
    await store.create(session);
    await store.find(id);
    await store.update({ id, expectedVersion: 1, data: { n: 1 } });
    const touched = store.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
    await store.flush();
    expect(await touched).toBe(true);
    const hashes = [session.tokenHash, aTokenHash(), aTokenHash(), aTokenHash(), aTokenHash()] as const;
    const [first, second, third, fourth, fifth] = hashes;
    await store.rotate({ id, expectedTokenHash: first, tokenHash: second, cause: 'rehash' });
    await store.rotate({ id, expectedTokenHash: second, tokenHash: third, cause: 'rotation' });
    await store.rotate({ id, expectedTokenHash: second, tokenHash: fourth, cause: 'rotation' });
    await store.rotate({ id, expectedTokenHash: third, tokenHash: fifth, cause: 'renewal' });
    const authentication = {
      ...anAuthentication({ amr: ['pwd', 'otp'] }),
      idleTimeoutMs: HOUR_MS,
      absoluteTimeoutMs: HOUR_MS,
    };
    await store.rotate({ id, expectedTokenHash: fifth, tokenHash: fourth, cause: 'rotation', authentication });
    const revocation = { id, userId, reason: 'admin', endedBy: 'operator 7' } as const;
    await Promise.all(Array.from({ length: 5 }, () => store.revoke(revocation)));
    await store.revokeAll({ userId, reason: 'logout', endedBy: null });
    expect(await listEvents(userId)).toEqual([
      { event: 'session.created', session_id: id, reason: null, actor: null },
      { event: 'session.rotated', session_id: id, reason: null, actor: null },
      { event: 'session.rotated', session_id: id, reason: null, actor: null },
      { event: 'session.reauthenticated', session_id: id, reason: null, actor: null },
      { event: 'session.ended', session_id: id, reason: 'admin', actor: 'operator 7' },
    ]);
  });

  it('names what a sign-in replaced and evicted, once each under 30 parallel sign-ins', async () => {
    const userId = 'bob';
    const limit = { max: 3, onLimit: 'revoke-oldest' } as const;
    const replaced = aNewSession({ userId });
    await store.create(replaced);
    await store.create(aNewSession({ userId, limit, replaces: replaced.id }));
    await Promise.all(Array.from({ length: 30 }, () => store.create(aNewSession({ userId, limit }))));
    const events = await listEvents(userId);
    const ended = events.filter(({ event }) => event === 'session.ended');
    expect(events.filter(({ event }) => event === 'session.created')).toHaveLength(32);
    expect(ended.filter(({ reason }) => reason === 'evicted')).toHaveLength(28);
    expect(ended.filter(({ reason }) => reason === 'replaced').map((row) => row.session_id)).toEqual([replaced.id]);
    expect(new Set(ended.map((row) => row.session_id)).size).toBe(29);
  });

  it('has nothing of what did not happen: a refused limit, a taken id', async () => {
    const userId = 'eve';
    const limit = { max: 1, onLimit: 'reject' } as const;
    const session = aNewSession({ userId, limit });
    await store.create(session);
    expect(await store.create(aNewSession({ userId, limit, replaces: undefined }))).toEqual({
      created: false,
      reason: 'limit',
    });
    expect(await store.create(aNewSession({ id: session.id, userId, replaces: session.id }))).toEqual({
      created: false,
      reason: 'id-taken',
    });
    expect(await listEvents(userId)).toHaveLength(1);
  });

  it('agrees with the sessions after a storm of every kind of call', async () => {
    const userId = 'storm';
    const stores = [store, await world.openStore()];
    await Promise.all(
      Array.from({ length: 120 }, async (_, index) => {
        const here = stores[index % 2] ?? store;
        const session = aNewSession({ userId, limit: { max: 10, onLimit: 'revoke-oldest' } });
        await here.create(session);
        if (index % 3 === 0) await here.revoke({ id: session.id, reason: 'logout', endedBy: userId });
        if (index % 20 === 0) await here.revokeAll({ userId, exceptId: session.id, reason: 'revoked', endedBy: null });
      }),
    );
    const rows = await world.query(
      `select 1 from sessions s where user_id = $1 and (
        (select count(*) from session_audit a where a.session_id = s.id and event = 'session.created') <> 1
        or (select count(*) from session_audit a where a.session_id = s.id and event = 'session.ended'
          and a.reason = s.end_reason and a.at = s.ended_at) <> case when s.ended_at is null then 0 else 1 end)`,
      [userId],
    );
    expect(rows).toEqual([]);
    expect(await world.query('select count(*)::int as n from sessions where user_id = $1', [userId])).toEqual([
      { n: 120 },
    ]);
  });
});
