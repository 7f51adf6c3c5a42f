import { Injectable } from '@nestjs/common';
import type { User } from '../users/user.entity.js';
import { UsersService, type Credentials } from '../users/users.service.js';
import type { RefusedAttempt } from './attempt-refusal.js';
import { AttemptThrottle } from './attempt-throttle.js';

/** `user` is as `UsersService.findByPassword` found them, which says what password that was. */
export type PasswordCheck = { readonly outcome: 'right'; readonly user: User } | RefusedAttempt;

/** The one place that checks passwords: at sign-in and when a fresh proof is asked for. */
@Injectable()
export class PasswordCheckService {
  private readonly throttle = new AttemptThrottle();

  constructor(private readonly users: UsersService) {}

  async check({ email, password, ipAddress }: Credentials & { ipAddress: string }): Promise<PasswordCheck> {
    const key = JSON.stringify([email.trim().toLowerCase(), ipAddress]);
    const retryAfterSeconds = this.throttle.begin(key);
    if (retryAfterSeconds > 0) return { outcome: 'too-many-attempts', retryAfterSeconds };
    const user = await this.users.findByPassword({ email, password }).catch((error: unknown) => {
      // An outage or a flood says nothing about the password, so the attempt must not count against the user.
      this.throttle.takeBack(key);
      throw error;
    });
    if (!user) return { outcome: 'wrong' };
    this.throttle.forget(key);
    return { outcome: 'right', user };
  }
}
