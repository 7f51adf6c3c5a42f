import { describe, expect, it } from '@jest/globals';
import { Deadline, settleInTime, type LateOutcome } from './deadline.js';

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

describe('settleInTime', () => {
  it('settles as the work does', async () => {
    const giveUp = () => new Error('too late');
    expect(await settleInTime(new Deadline(10_000), Promise.resolve('done'), { giveUp })).toBe('done');
    const failing = settleInTime(new Deadline(10_000), Promise.reject(new Error('broken')), { giveUp });
    await expect(failing).rejects.toThrow('broken');
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
      await expect(settleInTime(deadline, promise, { giveUp, onLate: late.resolve })).rejects.toThrow('too late');
      expect(leftMs).toHaveLength(1);
      expect(leftMs[0]).toBeLessThanOrEqual(0);
      resolve('after all');
      expect(await late.promise).toEqual({ result: 'after all' });
    }
  });

  it('hands over an error that comes later, and leaves no rejection unhandled', async () => {
    const { promise, reject } = defer<string>();
    const late = defer<LateOutcome<string>>();
    const settled = settleInTime(new Deadline(1), promise, { giveUp: () => new Error('late'), onLate: late.resolve });
    await expect(settled).rejects.toThrow('late');
    const error = new Error('broken');
    reject(error);
    expect(await late.promise).toEqual({ error });
  });
});
