import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { RevocationIncompleteError } from 'nest-sessions';
import type { ServiceSetUp } from '../../contract/harnesses/service-setup.js';
import { waitUntil } from '../../support/poll.js';
import { type HybridWorld, useHybridWorld, type HybridInstance } from './world.js';
import { getRenewed, setUpRenewal, type RenewalServices } from '../service/renewal-world.js';

/** How far apart the clocks of Redis and Postgres may be, as an instance knows them. */
const CLOCK_MARGIN_MS = 25;

describe('periodic rotation on two sides, one of which may be away', () => {
  let world: HybridWorld;
  let here: HybridInstance;
  let there: HybridInstance;
  let services: { here: RenewalServices; there: RenewalServices };

  useHybridWorld((opened) => (world = opened));
  beforeEach(async () => {
    [here, there] = [await world.openInstance(), await world.openInstance()];
    services = { here: setUpRenewal(here.store), there: setUpRenewal(there.store) };
  });
  afterEach(() => Promise.all([here.rejoin('redis'), there.rejoin('redis')]));

  const create = async ({ service }: ServiceSetUp) => {
    const { session, token } = await service.create({ userId: 'alice' });
    return { id: session.id, first: token };
  };

  /** Cuts this instance off from Redis just after Postgres has stored the change of this call. */
  const cutOffAfterCommit = async <T>(
    work: () => Promise<T>,
    meanwhile: () => Promise<void> = async () => undefined,
  ) => {
    const gate = here.calls.holdNext('after durable.rotate');
    const working = work();
    await gate.reached;
    await meanwhile();
    here.cutOff('redis');
    gate.open();
    return working;
  };

  it('leaves one audit row of a renewal under 40 parallel requests (I9)', async () => {
    const { id, first } = await create(services.here.patient);
    const wave = (token: string, by: 'eager' | 'patient') => {
      const instanceOf = (request: number) => (request % 2 ? services.here : services.there);
      return Promise.all(Array.from({ length: 40 }, (_, n) => instanceOf(n)[by].service.authenticate(token)));
    };
    const given = await wave(first, 'eager');
    expect(await world.auditOf(id)).toEqual(['session.created']);
    const second = await getRenewed(services.here.patient.service, first);
    expect(given).toEqual(given.map(() => expect.objectContaining({ outcome: 'live', token: second })));
    await wave(second, 'patient');
    expect(await world.auditOf(id)).toEqual(['session.created', 'session.rotated']);
  });

  it('does not take back a successor that somebody may have been given', async () => {
    const { id, first } = await create(services.here.patient);
    let second = '';
    const outcome = await cutOffAfterCommit(
      () => services.here.eager.service.authenticate(first),
      async () => void (second = await getRenewed(services.there.patient.service, first)),
    );
    expect(outcome).toMatchObject({ outcome: 'live' });
    expect(outcome).not.toHaveProperty('token');
    expect(await services.there.patient.service.authenticate(second)).toMatchObject({ outcome: 'live' });
    expect(await getRenewed(services.there.patient.service, first)).toBe(second);
    expect(await world.auditOf(id)).toEqual(['session.created', 'session.rotated']);
  });

  it('keeps a promotion that only Postgres heard of, with one audit row', async () => {
    const { id, first } = await create(services.here.patient);
    const second = await getRenewed(services.here.eager.service, first);
    const outcome = await cutOffAfterCommit(() => services.here.patient.service.authenticate(second));
    expect(outcome).toMatchObject({ outcome: 'live' });
    expect(await services.there.patient.service.authenticate(second)).toMatchObject({ outcome: 'live' });
    expect(await getRenewed(services.there.patient.service, first)).toBe(second);
    await here.rejoin('redis');
    expect(await services.here.patient.service.authenticate(second)).toMatchObject({ outcome: 'live' });
    expect(await world.auditOf(id)).toEqual(['session.created', 'session.rotated']);
  });

  it('waits while Redis is away: sessions are live without it, tokens stay as they are', async () => {
    const { id, first } = await create(services.here.patient);
    here.cutOff('redis');
    for (let request = 0; request < 3; request++) {
      const outcome = await services.here.eager.service.authenticate(first);
      expect(outcome).toMatchObject({ outcome: 'live', session: { id } });
      expect(outcome).not.toHaveProperty('token');
    }
    await here.rejoin('redis');
    expect(await getRenewed(services.there.eager.service, first)).toMatch(/^[\w-]{64}$/);
  });

  it('refuses a reused token, and ends its session on the side that answers', async () => {
    const { id, first } = await create(services.here.patient);
    const second = await getRenewed(services.here.eager.service, first);
    const promoted = await services.here.strict.service.authenticate(second);
    await waitUntil('the grace is over by both clocks', async () => {
      const { now } = await there.store.listByUser({ userId: 'nobody' });
      return promoted.outcome === 'live' && now.getTime() > promoted.session.checkedAt.getTime() + CLOCK_MARGIN_MS;
    });
    here.cutOff('redis');
    const { service, heard, lines } = services.here.strict;
    heard.splice(0);
    expect(await service.authenticate(first)).toEqual({ outcome: 'absent', reason: 'reuse' });
    expect(heard).toEqual([['reuse-detected', expect.objectContaining({ id, isRevoked: false })]]);
    expect(lines.at(-1)).toContain(new RevocationIncompleteError('hybrid', 'redis').message);
    expect(await world.auditOf(id)).toEqual(['session.created', 'session.rotated', 'session.ended reuse']);
    await there.sweep();
    for (const token of [first, second]) {
      expect(await services.there.strict.service.authenticate(token)).toMatchObject({ outcome: 'absent' });
    }
  });
});
