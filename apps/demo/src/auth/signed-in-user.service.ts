import { Injectable, UnauthorizedException } from '@nestjs/common';
import type { Session } from 'nest-sessions';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

/** Who a session belongs to. */
@Injectable()
export class SignedInUserService {
  constructor(private readonly users: UsersService) {}

  /** `undefined` without a session, or when the user has been deleted since. */
  async find(session: Session | undefined): Promise<User | undefined> {
    return session?.userId ? this.users.findById(session.userId) : undefined;
  }

  /** @throws {UnauthorizedException} The session is anonymous, or the user has been deleted since. */
  async get(session: Session): Promise<User> {
    const user = await this.find(session);
    if (!user) throw new UnauthorizedException();
    return user;
  }
}
