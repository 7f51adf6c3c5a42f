import { ServiceUnavailableException } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { UsersService } from '../users/users.service.js';
import { PasswordCheckService } from './password-check.service.js';

const ATTEMPT = { email: 'ada@example.com', password: 'guess', ipAddress: '203.0.113.7' };

describe('the check of a password', () => {
  let passwords: PasswordCheckService;
  let isAnswered = true;

  beforeEach(async () => {
    const users = {
      findByPassword: async () => {
        if (!isAnswered) throw new ServiceUnavailableException();
        return undefined;
      },
    };
    const module = await Test.createTestingModule({
      providers: [PasswordCheckService, { provide: UsersService, useValue: users }],
    }).compile();
    passwords = module.get(PasswordCheckService);
    isAnswered = true;
  });

  it('that nobody could make counts as no attempt', async () => {
    isAnswered = false;
    for (let attempt = 0; attempt < 20; attempt++) {
      await expect(passwords.check(ATTEMPT)).rejects.toThrow(ServiceUnavailableException);
    }
    isAnswered = true;
    for (let attempt = 0; attempt < 10; attempt++) {
      expect(await passwords.check(ATTEMPT)).toEqual({ outcome: 'wrong' });
    }
    expect(await passwords.check(ATTEMPT)).toMatchObject({ outcome: 'too-many-attempts' });
  });
});
