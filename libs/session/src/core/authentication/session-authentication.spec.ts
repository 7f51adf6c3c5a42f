import { describe, expect, it } from '@jest/globals';
import { higherLevel, levelOfMethods, reaches } from './assurance-level.js';
import { renewAuthentication, toAuthentication, toAuthenticationMethods } from './session-authentication.js';
import { SessionArgumentError } from '../session/session-errors.js';

const IDP = { issuer: 'https://idp.example', sessionId: 'sid-1', authenticatedAt: new Date(1000) };

describe('levelOfMethods', () => {
  it.each([
    [[], 'aal1'],
    [['pwd'], 'aal1'],
    [['pwd', 'pin'], 'aal1'],
    [['hwk', 'otp'], 'aal1'],
    [['pwd', 'otp'], 'aal2'],
    [['hwk', 'fpt'], 'aal2'],
    [['mfa'], 'aal2'],
    [['pwd', 'constructor', '__proto__'], 'aal1'],
    [['pwd', 'hwk', 'face'], 'aal2'],
  ])('takes %j for %s', (amr, level) => {
    expect(levelOfMethods(amr)).toBe(level);
  });

  it('orders the levels, an anonymous session below all of them', () => {
    expect([reaches('aal2', 'aal1'), reaches('aal2', 'aal2'), reaches('aal1', 'aal2'), reaches(null, 'aal1')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect([higherLevel(null, 'aal1'), higherLevel('aal3', 'aal1'), higherLevel('aal1', 'aal2')]).toEqual([
      'aal1',
      'aal3',
      'aal2',
    ]);
  });
});

describe('toAuthentication', () => {
  it('derives the level from the methods unless it is given', () => {
    expect(toAuthentication({ amr: ['pwd'] }, 'ada')).toEqual({
      amr: ['pwd'],
      assuranceLevel: 'aal1',
      awaitsSecondFactor: false,
      identityProvider: null,
    });
    expect(toAuthentication({ amr: ['pwd'], assuranceLevel: 'aal3', identityProvider: IDP }, 'ada')).toMatchObject({
      assuranceLevel: 'aal3',
      identityProvider: IDP,
    });
  });

  it('gives an anonymous session no level, and refuses to call it authenticated', () => {
    expect(toAuthentication({}, null).assuranceLevel).toBeNull();
    for (const input of [
      { awaitsSecondFactor: true },
      { assuranceLevel: 'aal1' as const },
      { identityProvider: IDP },
    ]) {
      expect(() => toAuthentication(input, null)).toThrow(SessionArgumentError);
    }
  });

  it.each([
    ['a level of its own making', { assuranceLevel: 'aal4' }],
    ['a level that is a number', { assuranceLevel: 2 }],
    ['a flag that is a text', { awaitsSecondFactor: 'no' }],
    ['a provider without an issuer', { identityProvider: { issuer: '' } }],
    ['a provider with a line break', { identityProvider: { issuer: 'a\nb' } }],
    ['a session id of the provider that is a number', { identityProvider: { issuer: 'a', sessionId: 5 } }],
    [
      'auth_time as the number that it is in a token',
      { identityProvider: { issuer: 'a', authenticatedAt: 1700000000 } },
    ],
    ['an invalid date', { identityProvider: { issuer: 'a', authenticatedAt: new Date(NaN) } }],
  ])('refuses %s', (_what, input) => {
    expect(() => toAuthentication(input as never, 'ada')).toThrow(SessionArgumentError);
  });
});

describe('renewAuthentication', () => {
  const pending = toAuthentication({ amr: ['pwd'], awaitsSecondFactor: true, identityProvider: IDP }, 'ada');

  it('adds the factor that a session waited for, and waits no more', () => {
    expect(renewAuthentication(pending, { amr: ['otp'] })).toEqual({
      amr: ['pwd', 'otp'],
      assuranceLevel: 'aal2',
      awaitsSecondFactor: false,
      identityProvider: IDP,
    });
  });

  it('keeps the methods of the latest authentication only, and the level that was reached', () => {
    const complete = renewAuthentication(pending, { amr: ['otp'] });
    const again = renewAuthentication(complete, { amr: ['pwd'] });
    expect([again.amr, again.assuranceLevel]).toEqual([['pwd'], 'aal2']);
    expect(renewAuthentication(complete, { amr: ['pwd'], assuranceLevel: 'aal1' }).assuranceLevel).toBe('aal1');
  });

  it('counts only what was proved this time when the session was in doubt', () => {
    const complete = renewAuthentication(pending, { amr: ['otp'] });
    const levelAfter = (amr: string[]) => renewAuthentication(complete, { amr }, { isInDoubt: true }).assuranceLevel;
    expect([levelAfter(['pwd']), levelAfter(['pwd', 'otp'])]).toEqual(['aal1', 'aal2']);
    expect(renewAuthentication(pending, { amr: ['otp'] }, { isInDoubt: true }).assuranceLevel).toBe('aal2');
  });
});

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
