import { describe, expect, it } from '@jest/globals';
import { hashPassword, verifyPassword } from './password-hash.js';

describe('a password hash', () => {
  it('accepts its own password and no other, and tells its parameters', async () => {
    const stored = await hashPassword('analytical-engine');
    expect(stored).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[\w-]{22}\$[\w-]{43}$/);
    expect(await verifyPassword('analytical-engine', stored)).toBe(true);
    expect(await verifyPassword('analytical-engines', stored)).toBe(false);
    expect(await verifyPassword('', stored)).toBe(false);
  });

  it('differs each time', async () => {
    expect(await hashPassword('same')).not.toBe(await hashPassword('same'));
  });

  it('is checked with the parameters that it was made with', async () => {
    // RFC 7914, section 12: password "password", salt "NaCl", N=1024, r=8, p=16; the first 32 bytes.
    const key = Buffer.from('fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162', 'hex').toString(
      'base64url',
    );
    const salt = Buffer.from('NaCl').toString('base64url');
    expect(await verifyPassword('password', `$scrypt$ln=10,r=8,p=16$${salt}$${key}`)).toBe(true);
  });

  it('accepts a password however its letters were composed', async () => {
    expect(await verifyPassword('cafe\u0301', await hashPassword('caf\u00e9'))).toBe(true);
  });

  it('of another format is an error, not a wrong password', async () => {
    await expect(verifyPassword('x', 'plaintext')).rejects.toThrow('not in the format');
  });
});
