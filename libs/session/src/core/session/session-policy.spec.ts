import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { expiriesFrom, idleExpiryAfter, isFresh, isTouchDue, isUnexpired } from './session-policy.js';

const NOW = new Date('2026-11-23T12:00:00.000Z');
const after = (ms: number, from = NOW) => new Date(from.getTime() + ms);
const anyMs = fc.integer({ min: 1, max: 1e12 });

describe('isUnexpired', () => {
  it('holds before both expiries and not at either of them (I4)', () => {
    expect(isUnexpired({ expiresAt: after(1), absoluteExpiresAt: after(1) }, NOW)).toBe(true);
    expect(isUnexpired({ expiresAt: NOW, absoluteExpiresAt: after(1) }, NOW)).toBe(false);
    expect(isUnexpired({ expiresAt: after(1), absoluteExpiresAt: NOW }, NOW)).toBe(false);
    expect(isUnexpired({ expiresAt: after(-1), absoluteExpiresAt: after(-1) }, NOW)).toBe(false);
  });
});

describe('expiries', () => {
  it('begin with the idle expiry no later than the absolute one (I4)', () => {
    fc.assert(
      fc.property(anyMs, anyMs, (idleTimeoutMs, absoluteTimeoutMs) => {
        const begun = expiriesFrom(NOW, { idleTimeoutMs, absoluteTimeoutMs });
        expect(begun.lastSeenAt).toEqual(NOW);
        expect(begun.absoluteExpiresAt).toEqual(after(absoluteTimeoutMs));
        expect(begun.expiresAt).toEqual(after(Math.min(idleTimeoutMs, absoluteTimeoutMs)));
      }),
    );
  });

  it('of a session that is seen every minute still end at the absolute timeout (lucia-auth/lucia#1038)', () => {
    const timeouts = { idleTimeoutMs: 30 * 60_000, absoluteTimeoutMs: 12 * 3_600_000 };
    let session = expiriesFrom(NOW, timeouts);
    let minutes = 0;
    for (; isUnexpired(session, after(minutes * 60_000)); minutes++) {
      const seenAt = after(minutes * 60_000);
      session = { ...session, lastSeenAt: seenAt, expiresAt: idleExpiryAfter(seenAt, { ...timeouts, ...session }) };
    }
    expect(minutes).toBe(12 * 60);
  });
});

describe('isTouchDue', () => {
  it('is true from the full interval on, and always for an interval of 0', () => {
    expect(isTouchDue(NOW, after(59_999), 60_000)).toBe(false);
    expect(isTouchDue(NOW, after(60_000), 60_000)).toBe(true);
    expect(isTouchDue(NOW, NOW, 0)).toBe(true);
  });

  it('is false when the clock went backwards', () => {
    expect(isTouchDue(NOW, after(-3_600_000), 60_000)).toBe(false);
  });
});

describe('isFresh', () => {
  it('is true for less than the given age', () => {
    expect(isFresh(NOW, after(599_999), 600_000)).toBe(true);
    expect(isFresh(NOW, after(600_000), 600_000)).toBe(false);
  });

  it('is never true for an anonymous session', () => {
    expect(isFresh(null, NOW, Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});
