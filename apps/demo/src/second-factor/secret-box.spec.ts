import { describe, expect, it } from '@jest/globals';
import { createSecretKey, randomBytes } from 'node:crypto';
import { SecretBox } from './secret-box.js';

const ADAS = { text: 'JBSWY3DP', purpose: 'totp:1' };

const box = new SecretBox(createSecretKey(randomBytes(32)));

describe('a sealed secret', () => {
  it('opens for its purpose under its key, and for nothing else', () => {
    const sealed = box.seal(ADAS);
    expect(box.open({ sealed, purpose: 'totp:1' })).toBe('JBSWY3DP');
    expect(box.open({ sealed, purpose: 'totp:2' })).toBeUndefined();
    expect(new SecretBox(createSecretKey(randomBytes(32))).open({ sealed, purpose: 'totp:1' })).toBeUndefined();
  });

  it('does not show what is in it, and looks different each time', () => {
    const sealed = box.seal(ADAS);
    expect(sealed.includes('JBSWY3DP')).toBe(false);
    expect(box.seal(ADAS).equals(sealed)).toBe(false);
  });

  it('does not open when any byte of it was changed or cut off', () => {
    const sealed = box.seal(ADAS);
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect([at, box.open({ sealed: changed, purpose: 'totp:1' })]).toEqual([at, undefined]);
      expect([at, box.open({ sealed: sealed.subarray(0, at), purpose: 'totp:1' })]).toEqual([at, undefined]);
    }
  });
});
