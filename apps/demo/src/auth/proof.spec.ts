import { describe, expect, it } from '@jest/globals';
import { acceptedProofs, offeredProofs, readProof } from './proof.js';
import { proofQuestion } from './proof-question.js';

const ONE_FACTOR = { hasSecondFactor: false, awaitsSecondFactor: false, assuranceLevel: 'aal1' };
const PENDING = { hasSecondFactor: true, awaitsSecondFactor: true, assuranceLevel: 'aal1' };
const LOW = { hasSecondFactor: true, awaitsSecondFactor: false, assuranceLevel: 'aal1' };
const HIGH = { hasSecondFactor: true, awaitsSecondFactor: false, assuranceLevel: 'aal2' };

describe('by what users prove that it is them', () => {
  it.each([
    ['without a second factor', ONE_FACTOR, ['password'], ['password']],
    ['half signed in', PENDING, ['code', 'recovery-code'], ['code', 'recovery-code']],
    ['with one factor of two', LOW, ['code', 'password', 'recovery-code'], ['code', 'recovery-code']],
    ['with both', HIGH, ['code', 'password', 'recovery-code'], ['code', 'password', 'recovery-code']],
  ])('%s', (_who, need, accepted, offered) => {
    expect(acceptedProofs(need)).toEqual(accepted);
    expect(offeredProofs(need)).toEqual(offered);
  });

  it('never the password for a session that waits, even of a user whose factor is gone', () => {
    expect(acceptedProofs({ ...PENDING, hasSecondFactor: false })).not.toContain('password');
  });

  it('is the field that was filled in, of those that are accepted', () => {
    const body = { password: 'secret', code: '', recoveryCode: 'ABCD' };
    expect(readProof(body, ['code', 'password'])).toEqual({ kind: 'password', value: 'secret' });
    expect(readProof(body, ['code', 'recovery-code'])).toEqual({ kind: 'recovery-code', value: 'ABCD' });
    expect(readProof({ password: 'secret' }, ['code', 'recovery-code'])).toEqual({ kind: 'code', value: '' });
    expect(readProof(undefined, ['password'])).toEqual({ kind: 'password', value: '' });
  });

  it('is asked for in one field, with links to the other ones', () => {
    const choice = { offered: ['code', 'password'], path: '/confirm?returnTo=%2F', email: 'ada@example.com' } as const;
    expect(proofQuestion({ ...choice, wanted: 'recovery-code' })).toEqual({
      kind: 'code',
      email: 'ada@example.com',
      error: undefined,
      choices: [{ text: 'Use your password instead', href: '/confirm?returnTo=%2F&with=password' }],
    });
    expect(proofQuestion({ ...choice, path: '/confirm', wanted: 'password' })).toMatchObject({
      kind: 'password',
      choices: [{ href: '/confirm?with=code' }],
    });
  });
});
