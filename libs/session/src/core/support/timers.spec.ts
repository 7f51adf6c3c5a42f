import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Gate } from '../../testing/world/gate.js';
import { JobLoop, reconnectDelayMs, startJitteredTimeout } from './timers.js';

describe('timers', () => {
  beforeEach(() => void jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] }));
  afterEach(() => void jest.useRealTimers());

  const turn = () => new Promise(setImmediate);

  it('varies a timeout by a tenth at most', () => {
    const firedAtMs: number[] = [];
    const startMs = Date.now();
    for (let times = 0; times < 200; times++) startJitteredTimeout(() => firedAtMs.push(Date.now() - startMs), 1000);
    jest.advanceTimersByTime(899);
    expect(firedAtMs).toEqual([]);
    jest.advanceTimersByTime(202);
    expect(firedAtMs).toHaveLength(200);
    expect(new Set(firedAtMs).size).toBeGreaterThan(20);
  });

  it('waits as long as a timeout can for a longer delay, instead of firing at once', () => {
    let fired = 0;
    startJitteredTimeout(() => (fired += 1), 400 * 86_400_000);
    jest.advanceTimersByTime(86_400_000);
    expect(fired).toBe(0);
    jest.advanceTimersByTime(25 * 86_400_000);
    expect(fired).toBe(1);
  });

  it('doubles the pause between attempts to reconnect, up to its limit', () => {
    for (const [attempt, fullMs] of [
      [1, 50],
      [2, 100],
      [5, 800],
      [6, 1000],
      [5000, 1000],
    ] as const) {
      const delaysMs = Array.from({ length: 50 }, () => reconnectDelayMs(attempt, 1000));
      expect(Math.min(...delaysMs)).toBeGreaterThanOrEqual(fullMs / 2);
      expect(Math.max(...delaysMs)).toBeLessThanOrEqual(fullMs);
    }
  });

  it('runs a job one interval after each run, also after one that failed', async () => {
    const errors: unknown[] = [];
    let runs = 0;
    const run = async () => {
      runs += 1;
      if (runs === 1) throw new Error('broken');
    };
    const loop = new JobLoop({ intervalMs: 1000, run, onError: (error) => errors.push(String(error)) });
    loop.start();
    loop.start();
    for (const expected of [1, 2, 3]) {
      jest.advanceTimersByTime(1100);
      await turn();
      expect(runs).toBe(expected);
    }
    expect(errors).toEqual(['Error: broken']);
    await loop.stop();
    loop.start();
    jest.advanceTimersByTime(5000);
    expect(runs).toBe(3);
  });

  it('never runs a job twice at once, and stops when the run under way has ended', async () => {
    const gate = new Gate();
    let runs = 0;
    const run = () => {
      runs += 1;
      return gate.opened;
    };
    const loop = new JobLoop({ intervalMs: 10, run, onError: () => undefined });
    loop.start();
    jest.advanceTimersByTime(1000);
    expect(runs).toBe(1);
    let isStopped = false;
    const stopping = loop.stop().then(() => (isStopped = true));
    await turn();
    expect(isStopped).toBe(false);
    gate.open();
    await stopping;
    jest.advanceTimersByTime(1000);
    expect(runs).toBe(1);
  });
});
