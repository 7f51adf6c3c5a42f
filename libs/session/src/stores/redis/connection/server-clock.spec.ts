import { beforeEach, describe, expect, it } from '@jest/globals';
import { ServerClock } from './server-clock.js';
import { MINUTE_MS } from '../../../testing/world/durations.js';

describe('ServerClock', () => {
  /** True time; this process' clocks and the servers' are so much off. */
  let trueMs: number;
  let wallOffsetMs: number;
  let readings: number;

  const local = { monotonicMs: () => trueMs - 1_000_000, wallMs: () => trueMs + wallOffsetMs };

  beforeEach(() => {
    trueMs = 1_800_000_000_000;
    wallOffsetMs = 0;
    readings = 0;
  });

  /** A server whose clock is off, and whose question and answer take so long on the way. */
  const server = (offsetMs: number, { thereMs = 0, backMs = 0 } = {}) =>
    async function readTime() {
      readings += 1;
      trueMs += thereMs;
      const timeMs = Math.floor(trueMs + offsetMs);
      trueMs += backMs;
      return timeMs;
    };

  it.each([-5 * MINUTE_MS, 0, 5 * MINUTE_MS])("follows the server's clock, %i ms off", async (offsetMs) => {
    const clock = new ServerClock(() => [server(offsetMs)], local);
    for (const elapsedMs of [0, 1, 59_999, 240_000]) {
      trueMs += elapsedMs;
      expect(await clock.latestMs()).toBeGreaterThanOrEqual(trueMs + offsetMs);
      expect(await clock.latestMs()).toBeLessThanOrEqual(trueMs + offsetMs + 1);
      expect(await clock.earliestMsAt(local.monotonicMs())).toBeLessThanOrEqual(trueMs + offsetMs);
    }
  });

  it.each([
    { thereMs: 40, backMs: 0 },
    { thereMs: 0, backMs: 40 },
    { thereMs: 20, backMs: 20 },
  ])('holds the true time between its two estimates, however the way takes %j', async (way) => {
    const clock = new ServerClock(() => [server(7, way)], local);
    const [latestMs, earliestMs] = [await clock.latestMs(), await clock.earliestMsAt(local.monotonicMs())];
    expect(latestMs).toBeGreaterThanOrEqual(trueMs + 7);
    expect(earliestMs).toBeLessThanOrEqual(trueMs + 7);
    expect(latestMs - earliestMs).toBeLessThanOrEqual(42);
  });

  it('believes the quickest of three answers', async () => {
    const ways = [{ backMs: 300 }, { backMs: 2 }, { thereMs: 300 }];
    const clock = new ServerClock(() => [server(0, ways.shift())], local);
    expect((await clock.latestMs()) - (await clock.earliestMsAt(local.monotonicMs()))).toBeLessThanOrEqual(3);
  });

  it('takes the extremes of several servers: sessions rather end early than late', async () => {
    const clock = new ServerClock(() => [server(-500), server(0), server(2000)], local);
    expect(await clock.latestMs()).toBeGreaterThanOrEqual(trueMs + 2000);
    expect(await clock.earliestMsAt(local.monotonicMs())).toBeLessThanOrEqual(trueMs - 500);
  });

  it('does without a server that fails or does not answer, as long as one does', async () => {
    const silent = () => new Promise<number>(() => undefined);
    const failing = () => Promise.reject(new Error('CLUSTERDOWN'));
    const clock = new ServerClock(() => [silent, failing, server(0)], local);
    expect(await clock.latestMs()).toBeLessThanOrEqual(trueMs + 1);
    await expect(new ServerClock(() => [failing], local).latestMs()).rejects.toThrow('All promises were rejected');
  });

  it('asks once for any number of questions at a time, and not again for minutes', async () => {
    const clock = new ServerClock(() => [server(0)], local);
    await Promise.all(Array.from({ length: 100 }, () => clock.latestMs()));
    trueMs += 4 * MINUTE_MS;
    await clock.latestMs();
    expect(readings).toBe(3);
    trueMs += MINUTE_MS;
    await clock.latestMs();
    expect(readings).toBe(6);
  });

  it.each([
    ['was set forwards', 5 * MINUTE_MS],
    ['was set back', -5 * MINUTE_MS],
    ['went on while the process slept, which its monotonic clock did not', 90_000],
  ])('asks again when the wall clock %s', async (_name, jumpMs) => {
    const clock = new ServerClock(() => [server(0)], local);
    await clock.latestMs();
    wallOffsetMs += jumpMs;
    expect(await clock.latestMs()).toBeLessThanOrEqual(trueMs + 1);
    expect(readings).toBe(6);
  });

  it('believes nothing that was asked before another server took over', async () => {
    const answers: ((timeMs: number) => void)[] = [];
    let current = () => new Promise<number>((resolve) => answers.push(resolve));
    const clock = new ServerClock(() => [current], local);
    const asking = clock.latestMs();
    clock.forget();
    current = server(60_000);
    for (let sample = 0; sample < 3; sample++) {
      await Promise.resolve();
      answers.shift()?.(trueMs - 60_000);
    }
    expect(await asking).toBeGreaterThanOrEqual(trueMs + 60_000);
  });
});
