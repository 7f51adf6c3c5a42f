import { Injectable, UnauthorizedException } from '@nestjs/common';
import type { HttpSession } from 'nest-sessions';
import type { User } from '../users/user.entity.js';
import { hashPassword } from '../users/password-hash.js';
import { UsersService } from '../users/users.service.js';
import { PasswordCheckService, type PasswordCheck } from './password-check.service.js';

const MIN_LENGTH = 8;

export interface PasswordChange {
  readonly user: User;
  readonly currentPassword: string;
  readonly newPassword: string;
  readonly ipAddress: string;
}

export type PasswordChangeOutcome =
  | Exclude<PasswordCheck, { outcome: 'right' }>
  | { readonly outcome: 'too-short' }
  | { readonly outcome: 'changed'; readonly ended: number };

export const TOO_SHORT_MESSAGE = `The new password needs at least ${MIN_LENGTH} characters.`;

/** Changes a password against the current one, and ends all other sessions of the user (ASVS 6.2.3, 7.4.3). */
@Injectable()
export class ChangePasswordService {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordCheckService,
  ) {}

  /**
   * Stores the new password, then ends the other sessions. A signed-out device cannot return with the old password.
   *
   * @throws {UnauthorizedException} The session has ended meanwhile.
   */
  async change(http: HttpSession, request: PasswordChange): Promise<PasswordChangeOutcome> {
    const { user, currentPassword, newPassword, ipAddress } = request;
    const check = await this.passwords.check({ email: user.email, password: currentPassword, ipAddress });
    if (check.outcome !== 'right') return check;
    if (newPassword.length < MIN_LENGTH) return { outcome: 'too-short' };
    const passwordHash = await hashPassword(newPassword);
    // Hashing takes long enough for this device to be signed out meanwhile, and then it must not change anything any more.
    if (!(await http.reauthenticate({ amr: ['pwd'] }))) throw new UnauthorizedException();
    if (!(await this.users.replacePassword(check.user, passwordHash))) return { outcome: 'wrong' };
    const { ended } = await http.credentialsChanged({ amr: ['pwd'] });
    return { outcome: 'changed', ended };
  }
}
