import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import type { SessionRecord } from './session-record.js';
import { compareByActivity } from './session.js';
import { toSession } from '../service/to-session.js';
import { encodeTokenState } from '../token/token-state.js';

const aRecord = (): SessionRecord => ({
  id: '0190b6d0-0000-8000-8000-00000000000a',
  userId: 'ada',
  tokenHash: new Uint8Array(32).fill(7),
  data: { cart: [{ sku: 'a' }] },
  version: 3,
  createdAt: new Date(1000),
  lastSeenAt: new Date(2000),
  expiresAt: new Date(3000),
  absoluteExpiresAt: new Date(4000),
  authenticatedAt: new Date(1000),
  amr: ['pwd'],
  assuranceLevel: 'aal2',
  awaitsSecondFactor: false,
  identityProvider: { issuer: 'https://idp.example', sessionId: 'sid-1', authenticatedAt: new Date(900) },
  ipAddress: '203.0.113.7',
  userAgent: 'agent',
  device: 'phone',
});
const NOW = new Date(2500);

describe('toSession', () => {
  it('keeps everything of the record but the token hash, which no text of it shows', () => {
    const session = toSession({ record: aRecord(), now: NOW });
    const { tokenHash, ...rest } = aRecord();
    expect({ ...session }).toEqual({ ...rest, checkedAt: NOW, awaitsReauthentication: false });
    const texts = [JSON.stringify(session), inspect(session, { depth: Infinity }), Object.keys(session).join()];
    for (const text of texts) {
      expect(text).not.toMatch(/hash/i);
      expect(text).not.toContain(Buffer.from(tokenHash).toString('base64url'));
    }
  });

  it('is a snapshot: assigning to it or to its data throws', () => {
    const session = toSession({ record: aRecord(), now: NOW });
    const data = session.data as object as { cart: { sku: string }[] };
    expect(() => Object.assign(session, { userId: 'eve' })).toThrow(TypeError);
    expect(() => Object.assign(data, { admin: true })).toThrow(TypeError);
    expect(() => data.cart.push({ sku: 'b' })).toThrow(TypeError);
    expect(() => Object.assign(data.cart[0] ?? {}, { sku: 'c' })).toThrow(TypeError);
    expect(() => Object.assign(session.amr, ['otp'])).toThrow(TypeError);
  });

  it('reads the data only when asked, so that a store may refuse it without refusing the session', () => {
    const record = {
      ...aRecord(),
      get data(): never {
        throw new Error('not to be had now');
      },
    };
    const session = toSession({ record, now: NOW });
    expect(session.userId).toBe('ada');
    expect(() => session.data).toThrow('not to be had now');
  });

  it('believes a token state that was decoded already, and decodes the token hash only without one', () => {
    const waiting = { current: new Uint8Array(32), retired: [], awaitsReauthentication: true } as const;
    const record = {
      ...aRecord(),
      get tokenHash(): never {
        throw new Error('decoded again');
      },
    };
    expect(toSession({ record, now: NOW, tokenState: waiting }).awaitsReauthentication).toBe(true);
    const stored = { ...aRecord(), tokenHash: encodeTokenState(waiting) };
    expect(toSession({ record: stored, now: NOW }).awaitsReauthentication).toBe(true);
  });
});

describe('compareByActivity', () => {
  it('puts the last seen first, and the newest first among equals', () => {
    const at = (id: string, lastSeenAtMs: number) =>
      toSession({ record: { ...aRecord(), id, lastSeenAt: new Date(lastSeenAtMs) }, now: NOW });
    const sessions = [at('b', 1), at('a', 2), at('c', 1), at('d', 3)];
    expect(sessions.toSorted(compareByActivity).map(({ id }) => id)).toEqual(['d', 'a', 'c', 'b']);
  });
});
