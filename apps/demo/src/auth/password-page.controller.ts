import { Body, Get, Ip, Post, Res } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, type HttpSession, type Session } from 'nest-sessions';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import type { User } from '../users/user.entity.js';
import { attemptRefusal } from './attempt-refusal.js';
import { ChangePasswordService, TOO_SHORT_MESSAGE } from './change-password.service.js';
import { readTextField } from './form-fields.js';
import { RequireSecondFactorIfOn } from './require-second-factor-if-on.decorator.js';
import { SignedInUserService } from './signed-in-user.service.js';

interface PasswordAnswer {
  readonly status?: number;
  readonly error?: string;
  readonly notice?: string;
}

/** The page that changes the password. It asks for the current one, however fresh the session is, and for a second factor. */
@RequireSecondFactorIfOn()
@PageController('account/password')
export class PasswordPageController {
  constructor(
    private readonly pages: Pages,
    private readonly passwords: ChangePasswordService,
    private readonly signedInUser: SignedInUserService,
  ) {}

  @Get()
  async form(@CurrentSession() session: Session, @Res() response: unknown): Promise<void> {
    this.show(response, await this.signedInUser.get(session), {});
  }

  @Post()
  async change(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const user = await this.signedInUser.get(session);
    const currentPassword = readTextField(body, 'currentPassword');
    const newPassword = readTextField(body, 'newPassword');
    const change = await this.passwords.change(http, { user, currentPassword, newPassword, ipAddress });
    if (change.outcome === 'changed') this.show(response, user, { notice: noticeOf(change.ended) });
    else if (change.outcome === 'too-short') this.show(response, user, { status: 400, error: TOO_SHORT_MESSAGE });
    else {
      const { status, message } = attemptRefusal(change, 'password');
      this.show(response, user, { status, error: message });
    }
  }

  private show(response: unknown, { name, email }: User, { status, error, notice }: PasswordAnswer): void {
    this.pages.show(response, {
      view: 'password',
      title: 'Change your password',
      status,
      userName: name,
      menu: 'account',
      notice,
      model: { email, error },
    });
  }
}

function noticeOf(ended: number): string {
  if (ended === 0) return 'Your password is changed. You were not signed in anywhere else.';
  const devices = ended === 1 ? '1 other device was' : `${ended} other devices were`;
  return `Your password is changed. ${devices} signed out.`;
}
