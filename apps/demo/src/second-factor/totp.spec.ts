import { describe, expect, it } from '@jest/globals';
import { Secret } from 'otpauth';
import { createTotpSecret, findTotpStep, totpUri } from './totp.js';

// RFC 6238, appendix B, for SHA-1: the last 6 of the 8 digits.
const SECRET = Secret.fromUTF8('12345678901234567890').base32;
const STEP_MS = 30_000;

describe('a code of the second factor', () => {
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_234_567_890, '005924'],
    [20_000_000_000, '353130'],
  ])('at %d seconds is %s', (seconds, code) => {
    const nowMs = seconds * 1000;
    expect(findTotpStep({ secret: SECRET, code, nowMs })).toBe(Math.floor(seconds / 30));
  });

  it('is right one step early and one step late, and tells its own step (RFC 6238, 5.2)', () => {
    const madeAtMs = 59_000;
    const stepAt = (nowMs: number) => findTotpStep({ secret: SECRET, code: '287082', nowMs });
    expect([-2, -1, 0, 1, 2].map((steps) => stepAt(madeAtMs + steps * STEP_MS))).toEqual([
      undefined,
      1,
      1,
      1,
      undefined,
    ]);
  });

  it.each([' 287 082 ', '２８７０８２'])('may be typed as %j', (code) => {
    expect(findTotpStep({ secret: SECRET, code, nowMs: 59_000 })).toBe(1);
  });

  it.each(['', '28708', '2870822', '287083', '٢٨٧٠٨٢', '28708é'])('is not %j', (code) => {
    expect(findTotpStep({ secret: SECRET, code, nowMs: 59_000 })).toBeUndefined();
  });
});

describe('a secret of the second factor', () => {
  it('is 160 bits in base32, another each time', () => {
    expect(createTotpSecret()).toMatch(/^[A-Z2-7]{32}$/);
    expect(createTotpSecret()).not.toBe(createTotpSecret());
  });

  it('is handed to apps with the name of the site and the user', () => {
    const uri = new URL(totpUri({ secret: SECRET, email: 'ada@example.com' }));
    expect(decodeURIComponent(uri.pathname)).toBe('/nest-sessions demo:ada@example.com');
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: 'nest-sessions demo',
      secret: SECRET,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
  });
});
