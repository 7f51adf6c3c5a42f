import { describe, expect, it } from '@jest/globals';
import { SessionTokens } from '../../core/token/session-token.js';
import { isCsrfTokenOf, mintCsrfToken } from './csrf-token.js';

const ID = '0190b6d0-0000-8000-8000-00000000000a';
const TOKENS = new SessionTokens();
const sessionToken = () => TOKENS.mint(ID).token;

describe('a CSRF token', () => {
  it('is accepted for the session token that it was made for, as often as it is sent', () => {
    const session = sessionToken();
    const token = mintCsrfToken(session);
    expect([isCsrfTokenOf(session, token), isCsrfTokenOf(session, token)]).toEqual([true, true]);
  });

  it('is refused for every other session token, one of the same session included (CVE-2023-29020)', () => {
    const token = mintCsrfToken(sessionToken());
    expect(isCsrfTokenOf(sessionToken(), token)).toBe(false);
  });

  it('looks different each time, in both halves (BREACH)', () => {
    const session = sessionToken();
    const tokens = Array.from({ length: 50 }, () => mintCsrfToken(session));
    expect(new Set(tokens.map((token) => token.slice(0, 43))).size).toBe(50);
    expect(new Set(tokens.map((token) => token.slice(43))).size).toBe(50);
    expect(tokens.every((token) => isCsrfTokenOf(session, token))).toBe(true);
  });

  it('holds neither the session token nor its secret, masked or not', () => {
    const session = sessionToken();
    const bytes = Buffer.from(mintCsrfToken(session), 'base64url');
    const mac = bytes.subarray(0, 32).map((byte, index) => byte ^ (bytes[32 + index] ?? 0));
    const secret = Buffer.from(session, 'base64url').subarray(16);
    expect(Buffer.from(mac).equals(secret)).toBe(false);
    expect(bytes.includes(secret.subarray(0, 8))).toBe(false);
  });

  it('is refused with any of its bits changed', () => {
    const session = sessionToken();
    const bytes = Buffer.from(mintCsrfToken(session), 'base64url');
    for (let index = 0; index < bytes.length; index += 1) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(isCsrfTokenOf(session, changed.toString('base64url'))).toBe(false);
    }
  });

  it.each([
    undefined,
    null,
    '',
    'x',
    7,
    true,
    {},
    ['a'],
    'A'.repeat(85),
    'A'.repeat(86),
    'A'.repeat(87),
    '='.repeat(86),
  ])('is not %j', (given) => expect(isCsrfTokenOf(sessionToken(), given)).toBe(false));

  it('is not one of an empty or short session token either', () => {
    expect(isCsrfTokenOf(sessionToken(), mintCsrfToken(''))).toBe(false);
  });
});
