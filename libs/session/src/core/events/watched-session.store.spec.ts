import { describe, expect, it } from '@jest/globals';
import { MemorySessionStore } from '../../stores/memory/index.js';
import { RecordingLogger } from '../../testing/world/recording-logger.js';
import { SessionStoreRefusedError, SessionStoreUnavailableError } from '../session/session-errors.js';
import { SessionEvents } from './session-events.js';
import { StoreOutages } from './watched-session.store.js';

const ID = '0190b6d0-0000-8000-8000-00000000000a';

function setUp() {
  let failing: Error | undefined;
  let nowMs = 0;
  const events = new SessionEvents(new RecordingLogger());
  const told: [state: string, lastedMs: number | null][] = [];
  events.on('store-unavailable', ({ state, lastedMs }) => void told.push([state, lastedMs]));
  class BreakableStore extends MemorySessionStore {
    override async find(id: string) {
      if (failing) throw failing;
      return super.find(id);
    }
  }
  const store = new StoreOutages(events, () => nowMs).watch(
    new BreakableStore({ maxSessions: 10, now: () => new Date() }),
  );
  const find = () => store.find(ID).catch((error: unknown) => error);
  return { store, told, find, fail: (error?: Error) => (failing = error), pass: (ms: number) => (nowMs += ms) };
}

describe('StoreOutages', () => {
  it('tells of an outage once and of its end once, though calls fail and succeed in turn', async () => {
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

  it('takes neither a refused command nor a mistake for an outage', async () => {
    const { told, find, fail } = setUp();
    fail(new SessionStoreRefusedError('memory', 'out of memory'));
    await find();
    fail(new TypeError('a mistake'));
    await find();
    expect(told).toEqual([]);
  });
});
