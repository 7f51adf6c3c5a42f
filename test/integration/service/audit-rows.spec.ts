import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionStore } from 'nest-sessions/store';
import { setUpService } from '../../contract/harnesses/service-setup.js';
import { HybridWorld } from '../hybrid/world.js';
import { PostgresWorld } from '../postgres/world.js';

interface Side {
  readonly store: SessionStore;
  readonly postgres: PostgresWorld;
  /** Resolves when the store has seen what was changed past it. */
  followSql(): Promise<unknown>;
  close(): Promise<void>;
}

async function openPostgres(): Promise<Side> {
  const postgres = await PostgresWorld.open();
  return {
    postgres,
    store: await postgres.openStore(),
    followSql: async () => undefined,
    close: () => postgres.close(),
  };
}

async function openHybrid(): Promise<Side> {
  const world = await HybridWorld.open();
  const { store, sweep } = await world.openInstance();
  return { postgres: world.postgres, store, followSql: sweep, close: () => world.close() };
}

describe.each([
  ['postgres', openPostgres],
  ['hybrid', openHybrid],
])('the audit rows of the service on the %s store (I9)', (_name, open) => {
  let side: Side;
  beforeAll(async () => {
    side = await open();
  });
  afterAll(() => side.close());

  const listRows = async (id: string) => {
    const rows = await side.postgres.query<{ row: string }>(
      "select concat_ws(' ', event, reason, actor) as row from session_audit where session_id = $1 order by id",
      [id],
    );
    return rows.map(({ row }) => row);
  };

  it('are one for each transition of a life, with the reason and who ended it', async () => {
    const { service } = setUpService(side.store);
    const { session, token } = await service.create({ userId: 'life' });
    const rotated = await service.rotate(token);
    const again = await service.reauthenticate(rotated.rotated ? rotated.token : '', { amr: ['pwd'] });
    await service.authenticate(again.rotated ? again.token : '');
    await service.update(session.id, { set: {} });
    expect(await service.revoke(session.id, { reason: 'admin', endedBy: 'operator 7' })).toBe(true);
    expect(await service.revoke(session.id, { reason: 'logout' })).toBe(false);
    expect(await listRows(session.id)).toEqual([
      'session.created',
      'session.rotated',
      'session.reauthenticated',
      'session.ended admin operator 7',
    ]);
  });

  it('say of each session why it ended: replaced, evicted, credentials changed, all revoked', async () => {
    const { service } = setUpService(side.store, { maxSessionsPerUser: 2 });
    const userId = 'many';
    const first = await service.create({ userId });
    const second = await service.create({ userId, replacesToken: first.token });
    const third = await service.create({ userId });
    const fourth = await service.create({ userId });
    await service.credentialsChanged(fourth.token, { endedBy: userId });
    await service.revokeAll(userId, { reason: 'idp-logout' });
    expect(await listRows(first.session.id)).toEqual(['session.created', 'session.ended replaced']);
    expect(await listRows(second.session.id)).toEqual(['session.created', 'session.ended evicted']);
    expect(await listRows(third.session.id)).toEqual(['session.created', 'session.ended credential-change many']);
    expect(await listRows(fourth.session.id)).toEqual([
      'session.created',
      'session.rotated',
      'session.ended idp-logout',
    ]);
  });

  it('say that a token was reused, once', async () => {
    const { service } = setUpService(side.store, { rotateEveryMs: 1, rotationGraceMs: 1 });
    const { session, token } = await service.create({ userId: 'reuse' });
    const successor = async () => {
      for (;;) {
        const outcome = await service.authenticate(token);
        if (outcome.outcome === 'live' && outcome.token) return outcome.token;
      }
    };
    await service.authenticate(await successor());
    while ((await service.authenticate(token)).outcome === 'live');
    await service.authenticate(token);
    const rows = await listRows(session.id);
    expect(rows.filter((row) => row.startsWith('session.ended'))).toEqual(['session.ended reuse']);
    expect(rows.slice(0, 2)).toEqual(['session.created', 'session.rotated']);
  });

  it('say that a session could not be decoded, once', async () => {
    const { service } = setUpService(side.store);
    const { session, token } = await service.create({ userId: 'spoilt' });
    await side.postgres.query('update sessions set token_hash = token_hash || $2::bytea where id = $1', [
      session.id,
      Buffer.from([9, 9, 9]),
    ]);
    // The hybrid store answers from its copy until a sweep has seen the change, which was made past it.
    await side.followSql();
    for (let n = 0; n < 2; n++) expect((await service.authenticate(token)).outcome).toBe('absent');
    expect(await listRows(session.id)).toEqual(['session.created', 'session.ended undecodable']);
  });
});
