import { describe, expect, it } from '@jest/globals';
import { toAuthenticationMethods } from './authentication-methods.js';
import { SessionArgumentError } from '../session/session-errors.js';

describe('toAuthenticationMethods', () => {
  it('copies names as those of RFC 8176', () => {
    const amr = ['pwd', 'otp'];
    expect(toAuthenticationMethods(amr)).toEqual(amr);
    expect(toAuthenticationMethods(amr)).not.toBe(amr);
    expect(toAuthenticationMethods()).toEqual([]);
  });

  it.each([
    [['']],
    [['p\0wd']],
    [['two words']],
    [['ü']],
    [['x'.repeat(65)]],
    [Array.from({ length: 17 }, () => 'pwd')],
  ])('refuses %j, which a store or a log could not hold', (amr) => {
    expect(() => toAuthenticationMethods(amr)).toThrow(SessionArgumentError);
  });
});
