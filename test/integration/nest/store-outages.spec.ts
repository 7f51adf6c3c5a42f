import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  SESSION_STORE,
  SessionCleanup,
  SessionModule,
  SessionService,
  SessionStoreUnavailableError,
  type SessionEventMap,
} from 'nest-sessions';
import { MemorySessionStore } from '#src/stores/memory/index.js';
import type { CleanUpStep, SessionStore, SessionStoreDefinition } from 'nest-sessions/store';

class BreakableStore extends MemorySessionStore {
  failure: Error | undefined;
  readonly calls = { start: 0, stop: 0 };

  override async start(): Promise<void> {
    this.calls.start += 1;
    await super.start();
  }
  override async stop(): Promise<void> {
    this.calls.stop += 1;
    await super.stop();
  }
  override async cleanUp(step: CleanUpStep) {
    if (this.failure) throw this.failure;
    return super.cleanUp(step);
  }
  override async find(id: string) {
    if (this.failure) throw this.failure;
    return super.find(id);
  }
  /** A method that the port does not know. */
  async repair(): Promise<number> {
    if (this.failure) throw this.failure;
    return 7;
  }
}

describe('an outage of the store', () => {
  const apps: INestApplication[] = [];
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
  });

  const boot = async () => {
    const bare = new BreakableStore({ maxSessions: 100, now: () => new Date() });
    const store: SessionStoreDefinition = { name: 'breakable', inject: [], create: () => bare };
    const imports = [SessionModule.forRoot({ store, cleanup: false })];
    const app = (await Test.createTestingModule({ imports }).compile()).createNestApplication();
    await app.init();
    apps.push(app);
    const events: SessionEventMap['store-unavailable'][] = [];
    const service = app.get(SessionService);
    service.events.on('store-unavailable', (event) => void events.push(event));
    const breakDown = () => void (bare.failure = new SessionStoreUnavailableError('breakable', 'no answer'));
    return { app, bare, service, events, breakDown };
  };

  it('is reported once when a cleanup meets it', async () => {
    const { app, events, breakDown } = await boot();
    breakDown();
    await expect(app.get(SessionCleanup).run()).rejects.toThrow('no answer');
    await expect(app.get(SessionCleanup).run()).rejects.toThrow('no answer');
    expect(events).toMatchObject([{ store: 'breakable', state: 'unavailable' }]);
  });

  it('is reported once when an injected SESSION_STORE meets it, and the service after it', async () => {
    const { app, service, events, breakDown } = await boot();
    const { session, token } = await service.create({ userId: 'ada' });
    breakDown();
    await expect(app.get<SessionStore>(SESSION_STORE).find(session.id)).rejects.toThrow('no answer');
    await expect(service.authenticate(token)).rejects.toThrow('no answer');
    expect(events).toMatchObject([{ store: 'breakable', state: 'unavailable' }]);
  });

  it('is reported when a method meets it that only the class of the store has', async () => {
    const { app, events, breakDown } = await boot();
    const store = app.get<BreakableStore>(SESSION_STORE);
    expect(await store.repair()).toBe(7);
    breakDown();
    await expect(store.repair()).rejects.toThrow('no answer');
    expect(events).toHaveLength(1);
  });

  it('changes nothing about start and stop, which run once each', async () => {
    const { app, bare } = await boot();
    await app.close();
    expect(bare.calls).toEqual({ start: 1, stop: 1 });
  });

  it('that the store reports as a bug is not one', async () => {
    const { app, bare, events } = await boot();
    bare.failure = new TypeError('a bug');
    await expect(app.get(SessionCleanup).run()).rejects.toThrow('a bug');
    expect(events).toEqual([]);
  });
});
