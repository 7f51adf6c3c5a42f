import { describe, expect, it } from '@jest/globals';
import { SessionStoreUnavailableError } from '../../../core/session/session-errors.js';
import { TouchQueue, type AgedTouch, type TouchQueueSettings } from './touch-queue.js';

const aTouch = (id: string) => ({ id, idleTimeoutMs: 60_000, touchIntervalMs: 1000 });
const NOT_URGENT = { isUrgent: false };

function openQueue(overrides: Partial<TouchQueueSettings> = {}) {
  const batches: (readonly AgedTouch[])[] = [];
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  const queue = new TouchQueue({
    flushIntervalMs: 3_600_000,
    maxBatch: 100,
    maxQueued: 1000,
    write: (touches) => {
      batches.push(touches);
      return Promise.resolve(touches.map(({ id }) => id));
    },
    logger: { debug: log, log, warn: log, error: log },
    ...overrides,
  });
  return { queue, batches, logged, idsOf: (index: number) => batches[index]?.map(({ id }) => id) };
}

describe('TouchQueue', () => {
  it('writes what was gathered once, sorted by id, with the time each has waited', async () => {
    const { queue, batches, idsOf } = openQueue();
    const moved = ['c', 'a', 'b', 'a'].map((id) => queue.add(aTouch(id), NOT_URGENT));
    await queue.flush();
    expect(await Promise.all(moved)).toEqual([true, true, true, true]);
    expect(idsOf(0)).toEqual(['a', 'b', 'c']);
    for (const { ageMs } of batches[0] ?? []) expect(ageMs).toBeGreaterThanOrEqual(0);
    await queue.flush();
    expect(batches).toHaveLength(1);
  });

  it('tells for each id whether it moved', async () => {
    const { queue } = openQueue({ write: async () => ['b'] });
    const moved = ['a', 'b'].map((id) => queue.add(aTouch(id), NOT_URGENT));
    await queue.flush();
    expect(await Promise.all(moved)).toEqual([false, true]);
  });

  it('does not wait for the interval when a batch is full or one is urgent', async () => {
    const { queue, batches } = openQueue({ maxBatch: 3 });
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => queue.add(aTouch(id), NOT_URGENT)));
    expect(batches.map((batch) => batch.length)).toEqual([3, 1]);
    await queue.add(aTouch('e'), { isUrgent: true });
    expect(batches).toHaveLength(3);
  });

  it('writes by itself after the interval', async () => {
    const { queue } = openQueue({ flushIntervalMs: 5 });
    const alive = setInterval(() => undefined, 1000);
    expect(await queue.add(aTouch('a'), NOT_URGENT)).toBe(true);
    clearInterval(alive);
  });

  it('has one write under way at a time, and a flush waits for it', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let underWay = 0;
    let most = 0;
    const { queue } = openQueue({
      write: async (touches) => {
        most = Math.max(most, (underWay += 1));
        await gate;
        underWay -= 1;
        return touches.map(({ id }) => id);
      },
    });
    const first = queue.add(aTouch('a'), NOT_URGENT);
    const flushes = [queue.flush()];
    const second = queue.add(aTouch('b'), NOT_URGENT);
    flushes.push(queue.flush(), queue.flush());
    release();
    await Promise.all(flushes);
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(most).toBe(1);
  });

  it('gives up the oldest beyond its bound, never the newest', async () => {
    const { queue, idsOf } = openQueue({ maxQueued: 2 });
    const moved = ['a', 'b', 'a', 'c'].map((id) => queue.add(aTouch(id), NOT_URGENT));
    const outcomes = Promise.allSettled(moved);
    await queue.flush();
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    await expect(moved[1]).rejects.toThrow(SessionStoreUnavailableError);
    expect(idsOf(0)).toEqual(['a', 'c']);
  });

  it('tries a failed write once more', async () => {
    let attempts = 0;
    const { queue, logged } = openQueue({
      write: async (touches) => {
        attempts += 1;
        if (attempts === 1) throw new Error('lost');
        return touches.map(({ id }) => id);
      },
    });
    const moved = queue.add(aTouch('a'), NOT_URGENT);
    await queue.flush();
    expect(await moved).toBe(true);
    expect([attempts, logged]).toEqual([2, []]);
  });

  it('gives all of them up, and says how many, when a write failed for good', async () => {
    let attempts = 0;
    const { queue, logged } = openQueue({
      maxBatch: 2,
      write: () => {
        attempts += 1;
        return Promise.reject(new Error('down'));
      },
    });
    const outcomes = Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((id) => queue.add(aTouch(id), NOT_URGENT)));
    await queue.flush();
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
    // Not every batch against its own deadline: a shutdown must not take that long.
    expect(attempts).toBe(2);
    expect(logged).toEqual(['the activity of 5 sessions could not be written: Error: down']);
  });
});
