import { MemorySessionStore } from '#src/stores/memory/store/memory-session.store.js';
import { FakeClock, type StoreHarness } from 'nest-sessions/testing';

/** A memory store on a clock that stands still until the contract moves it. */
export async function createMemoryHarness(): Promise<StoreHarness> {
  const clock = new FakeClock();
  const store = new MemorySessionStore({ maxSessions: 100_000, now: clock.now });
  await store.start();
  return {
    store,
    secondInstance: () => Promise.resolve(store),
    advanceTime: (ms) => clock.advance(ms),
    countEntries: () => Promise.resolve(store.size),
    close: () => store.stop(),
  };
}
