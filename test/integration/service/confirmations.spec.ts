import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionArgumentError, SessionConfigurationError, type Duration } from 'nest-sessions';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService } from '../../contract/harnesses/service-setup.js';

describe.each(STORE_HARNESSES)('confirmations on the %s store', (_name, createHarness) => {
  let world: StoreWorld;

  beforeAll(async () => {
    const harness = await createHarness();
    world = new StoreWorld(harness, await harness.secondInstance());
  });
  afterAll(() => world.harness.close());

  const setUp = async () => {
    const set = setUpService(world.store);
    const { session } = await set.service.create({ userId: world.newUserId() });
    const latest = async () => (await set.service.recheck(session, { touch: false })) ?? session;
    return { ...set, session, latest };
  };

  it('of one action are taken once, by one of parallel calls, and leave nothing behind', async () => {
    const { service, session, latest } = await setUp();
    expect(await service.confirm(session, 'transfer')).toBe(true);
    const confirmed = await latest();
    const taken = await Promise.all(Array.from({ length: 5 }, () => service.takeConfirmation(confirmed, 'transfer')));
    expect(taken.filter(Boolean)).toHaveLength(1);
    expect((await latest()).data).toEqual({});
  });

  it('of another action, of an ended session and of no session are none', async () => {
    const { service, session, latest } = await setUp();
    await service.confirm(session, 'transfer');
    expect(await service.takeConfirmation(await latest(), 'delete')).toBe(false);
    const confirmed = await latest();
    await service.revoke(session.id);
    expect(await service.takeConfirmation(confirmed, 'transfer')).toBe(false);
    expect(await service.confirm(confirmed, 'transfer')).toBe(false);
    expect(await service.confirm(undefined, 'transfer')).toBe(false);
  });

  it('expire after validFor', async () => {
    const { service, session, latest } = await setUp();
    await service.confirm(session, 'transfer', { validFor: '1ms' });
    const confirmed = await latest();
    const later = { ...confirmed, checkedAt: new Date(confirmed.checkedAt.getTime() + 1) };
    expect(await service.takeConfirmation(later, 'transfer')).toBe(false);
  });

  it('refuse an action and a duration that are not valid, without a store call', async () => {
    const { service, session, watched } = await setUp();
    watched.clear();
    await expect(service.confirm(session, 'two words')).rejects.toThrow(SessionArgumentError);
    await expect(service.takeConfirmation(session, '')).rejects.toThrow(SessionArgumentError);
    const validFor = '5 minutes' as Duration;
    await expect(service.confirm(session, 'transfer', { validFor })).rejects.toThrow(SessionConfigurationError);
    expect(watched.calls).toEqual([]);
  });
});
