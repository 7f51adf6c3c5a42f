import { describe, expect, it } from '@jest/globals';
import { Gate } from '../../testing/world/gate.js';
import { aNewSession, FakeClock } from '../../testing/index.js';
import { RecordingLogger } from '../../testing/world/recording-logger.js';
import { MemorySessionStore } from '../../stores/memory/index.js';
import type { SessionTouch } from '../ports/session-store.js';
import type { LiveSession } from '../session/session-record.js';
import { TouchRecorder } from './touch-recorder.js';

const POLICY = { idleTimeoutMs: 1_800_000, touchIntervalMs: 60_000 };

/** A memory store that counts touches, may hold them back, and may fail them. */
class WatchedStore extends MemorySessionStore {
  readonly touches: string[] = [];
  hold: Gate | undefined;
  failure: Error | undefined;

  override async touch(touch: SessionTouch): Promise<boolean> {
    this.touches.push(touch.id);
    await this.hold?.opened;
    if (this.failure) throw this.failure;
    return super.touch(touch);
  }
}

function setUp() {
  const clock = new FakeClock();
  const store = new WatchedStore({ maxSessions: 200_000, now: clock.now });
  const logger = new RecordingLogger();
  const recorder = new TouchRecorder(store, POLICY, logger);
  const create = async (): Promise<LiveSession> => {
    const outcome = await store.create(aNewSession({ userId: 'ada' }));
    if (!outcome.created) throw new Error(outcome.reason);
    return outcome;
  };
  const find = async (id: string): Promise<LiveSession> => {
    const found = await store.find(id);
    if (!found.live) throw new Error(found.reason);
    return found;
  };
  return { clock, store, lines: logger.lines, recorder, create, find };
}

describe('TouchRecorder', () => {
  it('makes one store call for 1000 concurrent requests in one interval', async () => {
    const { clock, store, recorder, create, find } = setUp();
    const { record } = await create();
    clock.advance(POLICY.touchIntervalMs);
    const seen = await find(record.id);
    for (let request = 0; request < 1000; request++) recorder.record(seen);
    await recorder.settle();
    expect(store.touches).toEqual([record.id]);
    expect((await find(record.id)).record.lastSeenAt).toEqual(clock.now());
  });

  it('spreads the touches of many sessions, and lets none wait for more than another interval', async () => {
    const { clock, store, recorder, create, find } = setUp();
    const ids: string[] = [];
    for (let count = 0; count < 2_500; count++) ids.push((await create()).record.id);
    clock.advance(POLICY.touchIntervalMs);
    for (const id of ids) recorder.record(await find(id));
    // The recorder counts by real time, in which the loop may have taken more than a second.
    const spread = store.touches.length;
    expect(spread % 1_000).toBe(0);
    expect(spread).toBeLessThan(2_500);
    clock.advance(POLICY.touchIntervalMs);
    const late = ids.filter((id) => !store.touches.includes(id));
    for (const id of late) recorder.record(await find(id));
    await recorder.settle();
    expect(new Set(store.touches).size).toBe(2_500);
  });

  it('makes none while the session was seen within the interval', async () => {
    const { clock, store, recorder, create, find } = setUp();
    const { record } = await create();
    clock.advance(POLICY.touchIntervalMs - 1);
    recorder.record(await find(record.id));
    await recorder.settle();
    expect(store.touches).toEqual([]);
  });

  it('makes one for each of many sessions', async () => {
    const { clock, store, recorder, create, find } = setUp();
    const sessions = await Promise.all(Array.from({ length: 100 }, create));
    clock.advance(POLICY.touchIntervalMs);
    for (const { record } of [...sessions, ...sessions]) recorder.record(await find(record.id));
    await recorder.settle();
    expect(store.touches.toSorted()).toEqual(sessions.map(({ record }) => record.id).toSorted());
  });

  it('does not keep the request waiting, and settles when the store has answered', async () => {
    const { clock, store, recorder, create, find } = setUp();
    const { record } = await create();
    clock.advance(POLICY.touchIntervalMs);
    store.hold = new Gate();
    recorder.record(await find(record.id));
    let settled = false;
    const settling = recorder.settle().then(() => (settled = true));
    await new Promise(setImmediate);
    expect(settled).toBe(false);
    store.hold.open();
    await settling;
    expect((await find(record.id)).record.lastSeenAt).toEqual(clock.now());
  });

  it('allows the next request to try again when a touch failed, and logs once a minute without failing a request', async () => {
    const { clock, store, lines, recorder, create, find } = setUp();
    const sessions = await Promise.all(Array.from({ length: 20 }, create));
    clock.advance(POLICY.touchIntervalMs);
    store.failure = new Error('no answer');
    for (const { record } of sessions) recorder.record(await find(record.id));
    await recorder.settle();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^warn: a touch of session [0-9a-f-]{36} failed .*no answer/);
    store.failure = undefined;
    for (const { record } of sessions) recorder.record(await find(record.id));
    await recorder.settle();
    expect(store.touches).toHaveLength(40);
    for (const { record } of sessions) expect((await find(record.id)).record.lastSeenAt).toEqual(clock.now());
  });

  it('remembers a bounded number of sessions', async () => {
    const { clock, recorder, create } = setUp();
    const { record } = await create();
    clock.advance(2 * POLICY.touchIntervalMs);
    for (let index = 0; index < 60_000; index++) {
      recorder.record({ record: { ...record, id: `unknown-${index}` }, now: clock.now() });
    }
    await recorder.settle();
    expect((Reflect.get(recorder, 'sentAtMs') as Map<string, number>).size).toBe(50_000);
  });

  it('stores the hash under the newest key together with the touch, and only if it is still the expected one', async () => {
    const { clock, recorder, create, find } = setUp();
    const { record } = await create();
    clock.advance(POLICY.touchIntervalMs);
    const rehash = new Uint8Array(32).fill(7);
    recorder.record({ ...(await find(record.id)), rehash });
    await recorder.settle();
    expect((await find(record.id)).record.tokenHash).toEqual(rehash);
    clock.advance(POLICY.touchIntervalMs);
    recorder.record({ record, now: clock.now(), rehash: new Uint8Array(32).fill(8) });
    await recorder.settle();
    expect((await find(record.id)).record.tokenHash).toEqual(rehash);
  });
});
