import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { SessionArgumentError } from './session-errors.js';
import {
  assertUserId,
  createSessionId,
  formatSessionId,
  isSessionId,
  sessionIdBytes,
  userReferenceFor,
  userReferenceOf,
} from './session-id.js';

const RFC_9562_VERSION_8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const storableText = fc.string({ unit: 'binary', minLength: 1, maxLength: 100 }).filter((text) => text.trim() !== '');

describe('createSessionId', () => {
  it('makes UUIDs of version 8 and the RFC variant for every user and time (RFC 9562 section 5.8)', () => {
    fc.assert(
      fc.property(fc.option(storableText), fc.nat(2 ** 48 - 1), (userId, nowMs) => {
        const id = createSessionId(userId, nowMs);
        expect(id).toMatch(RFC_9562_VERSION_8);
        expect(isSessionId(id)).toBe(true);
      }),
    );
  });

  it('starts with the Unix ms, so that ids sort by time as text and as bytes', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 47), fc.integer({ min: 1, max: 2 ** 40 }), (nowMs, laterMs) => {
        const [early, late] = [createSessionId('ada', nowMs), createSessionId(null, nowMs + laterMs)];
        expect(early < late).toBe(true);
        expect(Buffer.compare(sessionIdBytes(early), sessionIdBytes(late))).toBe(-1);
        expect(sessionIdBytes(early).readUIntBE(0, 6)).toBe(nowMs);
      }),
    );
  });

  it('carries one reference for one user, the same in every process', () => {
    expect(userReferenceOf(createSessionId('ada', 1))).toBe(userReferenceOf(createSessionId('ada', 2)));
    expect(userReferenceFor('ada')).toBe(userReferenceOf(createSessionId('ada')));
    expect(userReferenceFor('ada')).toMatch(/^[89ab][0-9a-f]{15}$/);
    // Pinned: a change here would lose every session in Redis.
    expect(userReferenceFor('ada')).toMatchInlineSnapshot(`"866180c4db5e3944"`);
    expect(userReferenceFor('42')).toMatchInlineSnapshot(`"b030dcef58c5fd49"`);
  });

  it('has another reference for another user, and a random one for an anonymous session', () => {
    const users = Array.from({ length: 1000 }, (_, index) => userReferenceFor(`user-${index}`));
    const anonymous = Array.from({ length: 1000 }, () => userReferenceOf(createSessionId(null, 0)));
    expect(new Set([...users, ...anonymous]).size).toBe(2000);
  });

  it('spreads the ids of one user and one ms over 4096 values', () => {
    const ids = new Set(Array.from({ length: 20_000 }, () => createSessionId('ada', 1)));
    expect(ids.size).toBeGreaterThan(3900);
    expect(ids.size).toBeLessThanOrEqual(4096);
  });
});

describe('session ids as text and bytes', () => {
  it('turn into each other without loss', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        expect(new Uint8Array(sessionIdBytes(formatSessionId(bytes)))).toEqual(bytes);
      }),
    );
  });

  it.each<[unknown, string]>([
    ['', 'empty'],
    ['0190b6d0-0000-7000-8000-000000000000', 'version 7'],
    ['0190b6d0-0000-8000-c000-000000000000', 'another variant'],
    ['0190B6D0-0000-8000-8000-00000000000A', 'upper case'],
    ['0190b6d000008000800000000000000a', 'no hyphens'],
    ['0190b6d0-0000-8000-8000-00000000000a\n', 'a line end'],
    ['{0190b6d0-0000-8000-8000-00000000000a}', 'braces'],
    [undefined, 'undefined'],
    [1, 'a number'],
  ])('isSessionId refuses %j: %s', (text) => {
    expect(isSessionId(text)).toBe(false);
  });
});

describe('assertUserId', () => {
  it.each(['1', 'ada', 'Ada Lovelace', '🦊', 'x'.repeat(255), 'null'])('accepts %j', (userId) => {
    expect(() => assertUserId(userId)).not.toThrow();
  });

  it.each<[unknown, string]>([
    ['', 'empty'],
    ['  \t', 'white space only'],
    [undefined, 'undefined'],
    [null, 'null'],
    [42, 'a number'],
    [{ id: 1 }, 'an object'],
    ['x'.repeat(256), 'too long'],
    ['a\0b', 'NUL'],
    ['\ud83e', 'half a surrogate pair'],
  ])('refuses %j: %s', (userId) => {
    expect(() => assertUserId(userId)).toThrow(SessionArgumentError);
    // Only `create` takes null, so nobody else is told to pass it.
    expect(() => assertUserId(userId)).not.toThrow(/pass null/);
  });
});
