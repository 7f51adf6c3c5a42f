import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createRecoveryCodes, hashRecoveryCode } from './recovery-codes.js';

describe('recovery codes', () => {
  it('are 8 different ones of 120 bits (ASVS 6.5.2)', () => {
    const codes = createRecoveryCodes();
    expect(new Set(codes).size).toBe(8);
    for (const code of codes) expect(code).toMatch(/^[A-Z2-7]{4}(?:-[A-Z2-7]{4}){5}$/);
  });

  it('are found by their hash however they are typed', () => {
    const hash = createHash('sha256').update('ABCDEFGHIJKLMNOPQRSTUVWX').digest();
    for (const typed of [
      'ABCD-EFGH-IJKL-MNOP-QRST-UVWX',
      ' abcd efgh ijkl mnop qrst uvwx',
      'abcdefghijklmnopqrstuvwx',
    ]) {
      expect(hashRecoveryCode(typed)).toEqual(hash);
    }
    expect(hashRecoveryCode('ABCD-EFGH-IJKL-MNOP-QRST-UVWY')).not.toEqual(hash);
  });
});
