import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { withOutagesAs503 } from '../database/database-outage.js';
import { DEMO_USERS } from './demo-users.js';
import { hashPassword, verifyPassword } from './password-hash.js';
import { User } from './user.entity.js';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

@Injectable()
export class UsersService implements OnModuleInit {
  /** What an unknown user's password is compared with, so that the answer takes as long. */
  private readonly nobodysHash = hashPassword('');

  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /** Adds the demo users that are missing. */
  async onModuleInit(): Promise<void> {
    await this.nobodysHash;
    for (const { email, name, password } of DEMO_USERS) {
      if (await this.users.existsBy({ email })) continue;
      const passwordHash = await hashPassword(password);
      await this.users.createQueryBuilder().insert().values({ email, name, passwordHash }).orIgnore().execute();
    }
  }

  async findById(id: string): Promise<User | undefined> {
    return (await withOutagesAs503(() => this.users.findOneBy({ id }))) ?? undefined;
  }

  /** The user if the password is right. Takes as long, and says no more, when there is no such user. */
  async findByPassword({ email, password }: Credentials): Promise<User | undefined> {
    const user = await withOutagesAs503(() =>
      this.users.findOne({
        where: { email: email.trim().toLowerCase() },
        select: { id: true, email: true, name: true, createdAt: true, passwordHash: true },
      }),
    );
    const isRight = await verifyPassword(password, user?.passwordHash ?? (await this.nobodysHash));
    return isRight && user ? user : undefined;
  }

  /** Whether the user still has the password by which `findByPassword` found them. */
  hasPasswordStill({ id, passwordHash }: User): Promise<boolean> {
    return withOutagesAs503(() => this.users.existsBy({ id, passwordHash }));
  }

  /**
   * Replaces the password by which `findByPassword` found the user. Returns `false` and changes nothing when the user has
   * another password by now: of two concurrent changes, one succeeds.
   *
   * @param passwordHash - Of the new one.
   */
  async replacePassword({ id, passwordHash: known }: User, passwordHash: string): Promise<boolean> {
    const { affected } = await withOutagesAs503(() => this.users.update({ id, passwordHash: known }, { passwordHash }));
    return affected === 1;
  }
}
