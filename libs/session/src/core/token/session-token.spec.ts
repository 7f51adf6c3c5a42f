import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { SessionConfigurationError } from '../session/session-errors.js';
import { createSessionId, sessionIdBytes } from '../session/session-id.js';
import { SessionTokens, type MintedToken, type ParsedToken } from './session-token.js';

const OLD_KEY = 'old key: at least thirty-two bytes of it';
const NEW_KEY = 'new key: at least thirty-two bytes of it';
const WELL_FORMED = /^[A-Za-z0-9_-]{64}$/;

const parse = (tokens: SessionTokens, token: string): ParsedToken => {
  const parsed = tokens.parse(token);
  if (typeof parsed === 'string') throw new Error(`the token is ${parsed}`);
  return parsed;
};
const verify = (tokens: SessionTokens, { token, hash }: MintedToken) =>
  tokens.verify(parse(tokens, token).secret, hash);

describe.each([
  ['without keys', []],
  ['with one key', [NEW_KEY]],
  ['with a ring of keys', [NEW_KEY, OLD_KEY]],
])('tokens %s', (_name, keys) => {
  const tokens = new SessionTokens(keys);

  it('are 64 characters of base64url that name their session and prove it', () => {
    fc.assert(
      fc.property(fc.option(fc.string({ minLength: 1 })), (userId) => {
        const id = createSessionId(userId);
        const minted = tokens.mint(id);
        expect(minted.token).toMatch(WELL_FORMED);
        expect(parse(tokens, minted.token).sessionId).toBe(id);
        expect(minted.hash.byteLength).toBe(32);
        expect(verify(tokens, minted)).toBe('current');
      }),
    );
  });

  it('do not contain their hash, nor does the hash contain the secret (ASVS 7.2.2)', () => {
    const { token, hash } = tokens.mint(createSessionId('ada'));
    const secret = Buffer.from(token, 'base64url').subarray(16);
    expect(Buffer.from(hash)).not.toEqual(secret);
    expect(Buffer.from(token, 'base64url').includes(Buffer.from(hash))).toBe(false);
  });

  it('are refused with any of their bits turned over', () => {
    const minted = tokens.mint(createSessionId('ada'));
    const bytes = Buffer.from(minted.token, 'base64url');
    const accepted: number[] = [];
    for (let bit = 0; bit < bytes.byteLength * 8; bit++) {
      const tampered = Buffer.from(bytes);
      tampered[bit >> 3] = (tampered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const parsed = tokens.parse(tampered.toString('base64url'));
      const isAccepted =
        typeof parsed !== 'string' &&
        Buffer.compare(sessionIdBytes(parsed.sessionId), bytes.subarray(0, 16)) === 0 &&
        tokens.verify(parsed.secret, minted.hash) !== undefined;
      if (isAccepted) accepted.push(bit);
    }
    expect(accepted).toEqual([]);
  });

  it('are refused against the hash of another session, an empty or a short hash', () => {
    const mine = tokens.mint(createSessionId('ada'));
    const { secret } = parse(tokens, mine.token);
    const theirs = tokens.mint(createSessionId('bob'));
    for (const hash of [theirs.hash, new Uint8Array(0), mine.hash.subarray(0, 31), new Uint8Array(32)]) {
      expect(tokens.verify(secret, hash)).toBeUndefined();
    }
  });

  it.each<[unknown, string]>([
    ['', 'empty (Django CVE-2015-3982)'],
    [' '.repeat(64), 'spaces'],
    ['undefined', 'a variable that was not there'],
    ['null', 'another'],
    ['A'.repeat(63), 'one short'],
    ['A'.repeat(65), 'one long'],
    ['A'.repeat(63) + '=', 'padding'],
    ['A'.repeat(63) + '+', 'plain base64'],
    ['A'.repeat(64) + '\n', 'a line end'],
    ['A'.repeat(63) + 'é', 'beyond ASCII'],
    ['A'.repeat(64), 'no session id inside'],
    ['A'.repeat(1_000_000), 'a megabyte'],
    [undefined, 'undefined'],
    [null, 'null'],
    [['A'.repeat(64)], 'an array'],
    [{ length: 64 }, 'an object'],
  ])('malformed is %#: %s', (token) => {
    expect(tokens.parse(token)).toBe('malformed');
  });
});

describe('tokens without keys', () => {
  it('never repeat: 100,000 of one session differ, and so do their hashes', () => {
    const tokens = new SessionTokens();
    const id = createSessionId('ada');
    const minted = Array.from({ length: 100_000 }, () => tokens.mint(id));
    expect(new Set(minted.map(({ token }) => token)).size).toBe(100_000);
    expect(new Set(minted.map(({ hash }) => Buffer.from(hash).toString('base64'))).size).toBe(100_000);
  });

  it('are stored as SHA-256 of their secret', () => {
    const { token, hash } = new SessionTokens().mint(createSessionId('ada'));
    const secret = Buffer.from(token, 'base64url').subarray(16);
    expect(Buffer.from(hash)).toEqual(createHash('sha256').update(secret).digest());
  });
});

describe('tokens with keys', () => {
  it('are stored under the newest key, with the purpose in the hash', () => {
    const { token, hash } = new SessionTokens([NEW_KEY, OLD_KEY]).mint(createSessionId('ada'));
    const secret = Buffer.from(token, 'base64url').subarray(16);
    const wanted = createHmac('sha256', NEW_KEY).update('nest-sessions token hash\0').update(secret).digest();
    expect(Buffer.from(hash)).toEqual(wanted);
  });

  it('are forged when their MAC matches not one of the keys: a guess never reaches a store', () => {
    const tokens = new SessionTokens([NEW_KEY, OLD_KEY]);
    const guesses = Array.from({ length: 10_000 }, () =>
      Buffer.concat([sessionIdBytes(createSessionId('ada')), randomBytes(32)]).toString('base64url'),
    );
    expect(guesses.filter((guess) => tokens.parse(guess) !== 'forged')).toEqual([]);
    const elsewhere = new SessionTokens(['a key that this ring does not hold!!']).mint(createSessionId('ada'));
    expect(tokens.parse(elsewhere.token)).toBe('forged');
    const unkeyed = new SessionTokens().mint(createSessionId('ada'));
    expect(tokens.parse(unkeyed.token)).toBe('forged');
  });

  it('are forged when the id of another session is put before the secret', () => {
    const tokens = new SessionTokens([NEW_KEY]);
    const secret = Buffer.from(tokens.mint(createSessionId('ada')).token, 'base64url').subarray(16);
    const swapped = Buffer.concat([sessionIdBytes(createSessionId('bob')), secret]).toString('base64url');
    expect(tokens.parse(swapped)).toBe('forged');
  });

  it('made with an older key still prove their session, and ask to be stored under the newest', () => {
    const minted = new SessionTokens([OLD_KEY]).mint(createSessionId('ada'));
    const ring = new SessionTokens([NEW_KEY, OLD_KEY]);
    const verdict = verify(ring, minted);
    if (typeof verdict !== 'object') throw new Error(`the verdict is ${verdict}`);
    expect(verify(ring, { ...minted, hash: verdict.rehash })).toBe('current');
    expect(verify(new SessionTokens([OLD_KEY]), { ...minted, hash: verdict.rehash })).toBeUndefined();
  });

  it('are refused once the key that made them is taken off the ring, though stored under a newer one', () => {
    const minted = new SessionTokens([OLD_KEY]).mint(createSessionId('ada'));
    expect(new SessionTokens([NEW_KEY]).parse(minted.token)).toBe('forged');
  });

  it('take keys as bytes or as text of at least 32 bytes, and name the one that is too short, not its value', () => {
    expect(() => new SessionTokens([randomBytes(32), '🔑'.repeat(8)])).not.toThrow();
    expect(() => new SessionTokens([NEW_KEY, 'too short'])).toThrow(SessionConfigurationError);
    expect(() => new SessionTokens([NEW_KEY, 'too short'])).toThrow(/^tokenKeys\[1\] must have at least 32 bytes/);
    expect(() => new SessionTokens([NEW_KEY, 'too short'])).not.toThrow(/too short/);
  });
});
