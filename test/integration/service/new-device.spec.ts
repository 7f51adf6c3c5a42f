import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import type { BegunSession } from '#src/core/events/session-events.js';
import type { CreateSession, SessionService } from 'nest-sessions';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService } from '../../contract/harnesses/service-setup.js';

const chrome = (version: number) =>
  `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';

function listen(service: SessionService) {
  const emitter = new EventEmitter();
  const heard = new Map<string, BegunSession>();
  const hear = (session: BegunSession) => {
    heard.set(session.id, session);
    emitter.emit(session.id);
  };
  service.events.on('created', hear, { newDevices: true });
  return async (input: CreateSession) => {
    const { session, token } = await service.create(input);
    if (!heard.has(session.id)) await once(emitter, session.id);
    return { token, isNew: heard.get(session.id)?.isNewDevice };
  };
}

describe.each(STORE_HARNESSES)('new devices on the %s store (ASVS 6.3.5)', (_name, createHarness) => {
  let world: StoreWorld;

  beforeAll(async () => {
    const harness = await createHarness();
    world = new StoreWorld(harness, await harness.secondInstance());
  });
  afterAll(() => world.harness.close());

  it('are recognized by browser, system and label, not by version', async () => {
    const signIn = listen(setUpService(world.store).service);
    const userId = world.newUserId();
    expect((await signIn({ userId, userAgent: chrome(140) })).isNew).toBe(true);
    expect((await signIn({ userId, userAgent: chrome(141) })).isNew).toBe(false);
    expect((await signIn({ userId, userAgent: FIREFOX })).isNew).toBe(true);
    expect((await signIn({ userId, userAgent: FIREFOX, device: 'laptop' })).isNew).toBe(true);
    expect((await signIn({ userId: world.newUserId(), userAgent: chrome(141) })).isNew).toBe(true);
    expect((await signIn({ userId: null, userAgent: chrome(141) })).isNew).toBeUndefined();
  });

  it('are not those whose session the sign-in replaced', async () => {
    const signIn = listen(setUpService(world.store).service);
    const userId = world.newUserId();
    const { token } = await signIn({ userId, userAgent: chrome(141) });
    expect((await signIn({ userId, userAgent: chrome(141), replacesToken: token })).isNew).toBe(false);
  });

  it('are reported once for two parallel sign-ins', async () => {
    const signIn = listen(setUpService(world.store).service);
    const userId = world.newUserId();
    const both = await Promise.all([1, 2].map(() => signIn({ userId, userAgent: FIREFOX })));
    expect(both.filter(({ isNew }) => isNew === true).length).toBeGreaterThanOrEqual(1);
  });

  it('cost no call without a listener that asks for them', async () => {
    const { service, watched } = setUpService(world.store);
    service.events.on('created', () => undefined);
    await service.create({ userId: world.newUserId(), userAgent: FIREFOX });
    expect(watched.calls).toEqual(['create']);
  });
});
