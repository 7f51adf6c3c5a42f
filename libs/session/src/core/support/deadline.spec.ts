import { describe, expect, it } from '@jest/globals';
import { Deadline, settleInTime, type DeadlineRules, type LateOutcome } from './deadline.js';

/** A promise that a test settles. */
function defer<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResult, onError) => {
    resolve = onResult;
    reject = onError;
  });
  return { promise, resolve, reject };
}

function rulesOf(giveUp: () => Error, settled?: (isLate: boolean) => void): DeadlineRules {
  return { giveUp, toError: (error) => new Error(`converted: ${String(error)}`), settled };
}

describe('settleInTime', () => {
  it('settles as the work does', async () => {
    const settled: boolean[] = [];
    const rules = rulesOf(
      () => new Error('too late'),
      (isLate) => settled.push(isLate),
    );
    expect(await settleInTime(new Deadline(10_000), () => Promise.resolve('done'), { rules })).toBe('done');
    const failing = settleInTime(new Deadline(10_000), () => Promise.reject(new Error('broken')), { rules });
    await expect(failing).rejects.toThrow('converted: Error: broken');
    const throwing = settleInTime<never>(
      new Deadline(10_000),
      () => {
        throw new Error('not even begun');
      },
      { rules },
    );
    await expect(throwing).rejects.toThrow('converted: Error: not even begun');
    expect(settled).toEqual([false, false, false]);
  });

  it('rejects once the deadline has passed and not before, and hands over what comes later', async () => {
    for (let times = 0; times < 10; times++) {
      const { promise, resolve } = defer<string>();
      const late = defer<LateOutcome<string>>();
      const deadline = new Deadline(3);
      const leftMs: number[] = [];
      const giveUp = () => {
        leftMs.push(deadline.remainingMs);
        return new Error('too late');
      };
      const settled: boolean[] = [];
      const rules = rulesOf(giveUp, (isLate) => settled.push(isLate));
      await expect(settleInTime(deadline, () => promise, { rules, onLate: late.resolve })).rejects.toThrow('too late');
      expect(settled).toEqual([]);
      expect(leftMs).toHaveLength(1);
      expect(leftMs[0]).toBeLessThanOrEqual(0);
      resolve('after all');
      expect(await late.promise).toEqual({ result: 'after all' });
      expect(settled).toEqual([true]);
    }
  });

  it('hands over an error that comes later, and leaves no rejection unhandled', async () => {
    const { promise, reject } = defer<string>();
    const late = defer<LateOutcome<string>>();
    const rules = rulesOf(() => new Error('late'));
    const settled = settleInTime(new Deadline(1), () => promise, { rules, onLate: late.resolve });
    await expect(settled).rejects.toThrow('late');
    const error = new Error('broken');
    reject(error);
    expect(await late.promise).toEqual({ error });
  });
});
