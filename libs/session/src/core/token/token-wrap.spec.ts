import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createSessionId } from '../session/session-id.js';
import { TOKEN_WRAP_BYTES } from './token-state.js';
import { unwrapSecret, wrapSecret } from './token-wrap.js';

describe('a wrapped secret', () => {
  const sessionId = createSessionId('ada');
  const under = new Uint8Array(randomBytes(32));
  const secret = new Uint8Array(randomBytes(32));

  it('is readable with the other secret', () => {
    const wrap = wrapSecret(secret, { under, sessionId });
    expect(wrap).toHaveLength(TOKEN_WRAP_BYTES);
    expect(Buffer.from(wrap).includes(Buffer.from(secret))).toBe(false);
    expect(unwrapSecret(wrap, { under, sessionId })).toEqual(secret);
  });

  it('is another one each time, so that parallel renewals never write the same bytes', () => {
    expect(wrapSecret(secret, { under, sessionId })).not.toEqual(wrapSecret(secret, { under, sessionId }));
  });

  it('stays closed under another secret, the stored hash among them, and in another session', () => {
    const wrap = wrapSecret(secret, { under, sessionId });
    expect(unwrapSecret(wrap, { under: new Uint8Array(randomBytes(32)), sessionId })).toBeUndefined();
    expect(unwrapSecret(wrap, { under, sessionId: createSessionId('ada') })).toBeUndefined();
  });

  it('stays closed when any byte of it was changed or is missing', () => {
    const wrap = wrapSecret(secret, { under, sessionId });
    for (let at = 0; at < wrap.length; at++) {
      const changed = Uint8Array.from(wrap, (byte, index) => (index === at ? byte ^ 1 : byte));
      expect(unwrapSecret(changed, { under, sessionId })).toBeUndefined();
      expect(unwrapSecret(wrap.subarray(0, at), { under, sessionId })).toBeUndefined();
    }
  });
});
