import { describe, expect, it } from '@jest/globals';
import { SessionArgumentError, SessionStoreUnavailableError } from '../../../core/session/session-errors.js';
import { RecordingLogger } from '../../../testing/world/recording-logger.js';
import type { AgedTouch } from '../operations/touch-queue.js';
import { UnwrittenTouches } from './unwritten-touches.js';

const IDLE_MS = 60_000;
const OUTAGE = new SessionStoreUnavailableError('postgres', 'it is down');

function setUp({ maxKept = 100, maxBatch = 2 } = {}) {
  const logger = new RecordingLogger();
  const batches: string[][] = [];
  const failures: (Error | undefined)[] = [];
  const write = async (touches: readonly AgedTouch[]) => {
    batches.push(touches.map(({ id }) => id));
    const failure = failures.shift();
    if (failure) throw failure;
  };
  const unwritten = new UnwrittenTouches({ retryIntervalMs: IDLE_MS, maxBatch, maxKept, write, logger });
  const keep = (id: string, seenAtMs: number, idleTimeoutMs = IDLE_MS) =>
    unwritten.keep({ id, idleTimeoutMs, touchIntervalMs: 0 }, seenAtMs);
  return { unwritten, keep, batches, failures, lines: logger.lines };
}

describe('touches that could not be written', () => {
  it('date the next touch of the same session back to the first of them', () => {
    const { unwritten, keep } = setUp();
    const nowMs = performance.now();
    keep('a', nowMs - 20);
    keep('a', nowMs - 30);
    keep('a', nowMs - 10);
    expect(unwritten.firstSeenAtMs('a', nowMs)).toBe(nowMs - 30);
    expect(unwritten.firstSeenAtMs('b', nowMs)).toBe(nowMs);
    unwritten.forget('a', nowMs - 15);
    expect(unwritten.firstSeenAtMs('a', nowMs)).toBe(nowMs - 30);
    unwritten.forget('a', nowMs - 10);
    expect(unwritten.firstSeenAtMs('a', nowMs)).toBe(nowMs);
  });

  it('speak for every session once there was no room for one of them, for as long as that could matter', () => {
    const { unwritten, keep } = setUp({ maxKept: 1 });
    const nowMs = performance.now();
    keep('short', nowMs - 50, 20);
    keep('long', nowMs - 40);
    expect(unwritten.firstSeenAtMs('short', nowMs)).toBe(nowMs);
    keep('other', nowMs - 30);
    expect(unwritten.firstSeenAtMs('long', nowMs)).toBe(nowMs - 40);
    expect(unwritten.firstSeenAtMs('never seen', nowMs)).toBe(nowMs - 40);
  });

  it('are written in batches when the store stops, up to an outage', async () => {
    const { unwritten, keep, batches, failures, lines } = setUp();
    for (const id of ['a', 'b', 'c', 'd', 'e']) keep(id, performance.now());
    failures.push(undefined, OUTAGE);
    await unwritten.stop();
    expect(batches).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect([unwritten.size, lines]).toEqual([
      3,
      [expect.stringContaining('2 sessions, which could not be written before')],
    ]);
    keep('f', performance.now());
    expect(unwritten.size).toBe(3);
  });

  it('are given up when Postgres refuses them, which it will for ever', async () => {
    const { unwritten, keep, batches, failures, lines } = setUp();
    for (const id of ['a', 'b', 'c']) keep(id, performance.now());
    failures.push(new SessionArgumentError('not a number'));
    await unwritten.stop();
    expect(batches).toEqual([['a', 'b'], ['c']]);
    expect(unwritten.size).toBe(0);
    expect(lines).toContainEqual(expect.stringContaining('the activity of 2 sessions cannot be written'));
  });
});
