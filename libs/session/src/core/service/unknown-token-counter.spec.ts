import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { UnknownTokens } from '../events/security-events.js';
import { UnknownTokenCounter } from './unknown-token-counter.js';

function setUp(maxAddresses?: number) {
  const told: UnknownTokens[] = [];
  return { told, counter: new UnknownTokenCounter({ report: (event) => void told.push(event), maxAddresses }) };
}

describe('UnknownTokenCounter', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('reports once a minute and address, whatever the number, and nothing when there were none', () => {
    const { told, counter } = setUp();
    for (let n = 0; n < 10_000; n++) counter.count(n % 2 ? '203.0.113.7' : null, n % 5 ? 'unknown' : 'wrong-secret');
    expect(told).toEqual([]);
    jest.advanceTimersByTime(60_000);
    expect(told).toMatchObject([
      { ipAddress: null, count: 5000, byReason: { unknown: 4000, 'wrong-secret': 1000, forged: 0 }, isOverflow: false },
      { ipAddress: '203.0.113.7', count: 5000, byReason: { unknown: 4000, 'wrong-secret': 1000, forged: 0 } },
    ]);
    expect(Number(told[0]?.at) - Number(told[0]?.since)).toBe(60_000);
    jest.advanceTimersByTime(600_000);
    expect(told).toHaveLength(2);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('counts what comes from more addresses than it remembers in one sum, and loses none', () => {
    const { told, counter } = setUp(10);
    for (let n = 0; n < 10_000; n++) counter.count(`2001:db8::${n.toString(16)}`, 'unknown');
    counter.flush();
    expect(told).toHaveLength(11);
    expect(told.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
    expect(told.at(-1)).toMatchObject({ isOverflow: true, ipAddress: null, count: 9_990 });
  });
});
