import { describe, expect, it } from '@jest/globals';
import { BearerTokenFormat } from './bearer-token.js';
import { createSessionId } from '../session/session-id.js';
import { SessionTokens } from './session-token.js';

const format = new BearerTokenFormat('nss_');
const { token } = new SessionTokens().mint(createSessionId('ada'));
const bearer = format.format(token);

/** CRC-32 bit by bit, as ISO 3309 defines it. */
function crc32Of(text: string): number {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('a bearer token', () => {
  it('is prefix, token and six digits, and gives the token back', () => {
    expect(bearer).toMatch(/^nss_[A-Za-z0-9_-]{64}[0-9A-Za-z]{6}$/);
    expect(bearer.slice(4, 68)).toBe(token);
    expect(format.parse(bearer)).toBe(token);
  });

  it('has a checksum that a scanner can compute: CRC-32 in base62, most significant digit first', () => {
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    for (let round = 0; round < 100; round++) {
      const text = format.format(new SessionTokens().mint(createSessionId(null)).token);
      const value = text
        .slice(68)
        .split('')
        .reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0);
      expect(value).toBe(crc32Of(text.slice(0, 68)));
    }
    // By Python's zlib.crc32.
    expect(format.format('A'.repeat(64))).toBe(`nss_${'A'.repeat(64)}44Pp9V`);
  });

  it('is refused when any one character is another one', () => {
    for (let at = 0; at < bearer.length; at++) {
      for (const other of ['A', 'B', '_', '-', ' ', '\0', 'é', '']) {
        if (other === bearer[at]) continue;
        expect(format.parse(bearer.slice(0, at) + other + bearer.slice(at + 1))).toBeUndefined();
      }
    }
  });

  it('is refused when two neighbours change places, and with anything around it', () => {
    const swapped = Array.from(bearer, (_, at) => {
      const [a = '', b = ''] = bearer.slice(at, at + 2);
      return bearer.slice(0, at) + b + a + bearer.slice(at + 2);
    }).filter((text) => text !== bearer);
    expect(swapped.length).toBeGreaterThan(bearer.length / 2);
    for (const text of swapped) expect(format.parse(text)).toBeUndefined();
    const near = [` ${bearer}`, `${bearer} `, `${bearer}\n`, bearer + bearer, token, `nss_${token}`, bearer.slice(4)];
    for (const text of near) expect(format.parse(text)).toBeUndefined();
  });

  it('belongs to one prefix: the checksum covers it', () => {
    const other = new BearerTokenFormat('abc_');
    expect(other.parse(bearer)).toBeUndefined();
    expect(other.parse(`abc_${bearer.slice(4)}`)).toBeUndefined();
    expect(other.claims(bearer)).toBe(false);
    expect(format.claims('nss_damaged')).toBe(true);
  });
});
