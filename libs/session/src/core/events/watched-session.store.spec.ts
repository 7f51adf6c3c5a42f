import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore } from '../../stores/memory/index.js';
import type { SessionStore } from '../ports/session-store.js';
import { SessionStoreRefusedError, SessionStoreUnavailableError } from '../session/session-errors.js';
import { StoreOutages } from './store-outages.js';
import { WatchedSessionStore } from './watched-session.store.js';

const ID = '0190b6d0-0000-8000-8000-00000000000a';

function setUp() {
  let failing: Error | undefined;
  let nowMs = 0;
  const told: [state: string, lastedMs: number | null][] = [];
  class BreakableStore extends MemorySessionStore {
    override async find(id: string) {
      if (failing) throw failing;
      return super.find(id);
    }
    readonly color = 'red';
    /** As `HybridSessionStore.reconcile`: no method of the port. */
    async repair(times: number) {
      if (failing) throw failing;
      return { times, size: (await this.listByUser({ userId: 'ada' })).records.length };
    }
  }
  const bare = new BreakableStore({ maxSessions: 10, now: () => new Date() });
  const store = new WatchedSessionStore(bare, new StoreOutages(() => nowMs));
  store.onAvailabilityChange(({ state, lastedMs }) => void told.push([state, lastedMs]));
  const find = () => store.find(ID).catch((error: unknown) => error);
  return { store, bare, told, find, fail: (error?: Error) => (failing = error), pass: (ms: number) => (nowMs += ms) };
}

describe('WatchedSessionStore', () => {
  it('reports an outage once and its end once, though calls fail and succeed in turn', async () => {
    const { store, told, find, fail, pass } = setUp();
    const down = new SessionStoreUnavailableError('memory', 'no answer');
    fail(down);
    for (let n = 0; n < 100; n++) {
      expect(await find()).toBe(down);
      await store.listByUser({ userId: 'ada' });
      pass(100);
    }
    expect(told).toEqual([['unavailable', null]]);
    fail();
    await find();
    expect(told).toHaveLength(1);
    pass(10_000);
    await find();
    await find();
    expect(told).toEqual([
      ['unavailable', null],
      ['recovered', 20_000],
    ]);
  });

  it('reports neither a refused command nor a bug as an outage', async () => {
    const { told, find, fail } = setUp();
    fail(new SessionStoreRefusedError('memory', 'out of memory'));
    await find();
    fail(new TypeError('a mistake'));
    await find();
    expect(told).toEqual([]);
  });

  it('has every member of the store itself, and watches its own methods, too', async () => {
    const { store, bare, told, fail } = setUp();
    const typed = store as unknown as typeof bare;
    expect([typed.name, typed.signals, typed.color]).toEqual(['memory', bare.signals, 'red']);
    expect(await typed.repair(2)).toEqual({ times: 2, size: 0 });
    fail(new SessionStoreUnavailableError('memory', 'no answer'));
    await expect(typed.repair(2)).rejects.toThrow('no answer');
    expect(told).toEqual([['unavailable', null]]);
  });

  it('has no signals when the store has none', () => {
    const bare = Object.assign(new MemorySessionStore({ maxSessions: 1, now: () => new Date() }), {
      signals: undefined,
    });
    expect(new WatchedSessionStore(bare).signals).toBeUndefined();
  });

  it('passes every method of the port on, with what it is given and what it gives', async () => {
    const names = [
      'start',
      'create',
      'find',
      'touch',
      'update',
      'rotate',
      'revoke',
      'revokeAll',
      'revokeByIdentityProvider',
      'revokeEverything',
      'listByUser',
      'cleanUp',
      'flush',
      'stop',
    ] as const;
    const answering = Object.fromEntries(
      names.map((name) => [name, async (...args: unknown[]): Promise<unknown> => ({ name, args })]),
    );
    const store = new WatchedSessionStore({ name: 'fake', ...answering } as unknown as SessionStore);
    for (const name of names) {
      const call = store[name] as (...args: unknown[]) => Promise<unknown>;
      const args = call.length === 0 ? [] : [{ of: name }];
      expect(await call.apply(store, args)).toEqual({ name, args });
    }
  });
});
