import { beforeEach, describe, expect, it } from '@jest/globals';
import { AttemptThrottle } from './attempt-throttle.js';

const MINUTE_MS = 60_000;

describe('the throttle of attempts', () => {
  let nowMs = 0;
  let throttle: AttemptThrottle;

  beforeEach(() => {
    nowMs = 1_000_000;
    throttle = new AttemptThrottle(() => nowMs);
  });

  const attempts = (count: number, key = 'ada') => Array.from({ length: count }, () => throttle.begin(key));

  it('lets ten attempts through, then says how long to wait', () => {
    expect(attempts(10)).toEqual(Array.from({ length: 10 }, () => 0));
    nowMs += 5 * MINUTE_MS;
    expect(throttle.begin('ada')).toBe(600);
    expect(throttle.begin('grace')).toBe(0);
  });

  it('starts anew when the window is over', () => {
    attempts(11);
    nowMs += 15 * MINUTE_MS;
    expect(throttle.begin('ada')).toBe(0);
  });

  it('forgets the attempts of somebody who was right', () => {
    attempts(10);
    throttle.forget('ada');
    expect(throttle.begin('ada')).toBe(0);
  });

  it('remembers a bounded number of names, the latest', () => {
    attempts(10, 'first');
    for (let i = 0; i < 10_000; i++) throttle.begin(`name ${i}`);
    expect(throttle.begin('first')).toBe(0);
    attempts(9, 'name 9999');
    expect(throttle.begin('name 9999')).toBeGreaterThan(0);
  });
});
