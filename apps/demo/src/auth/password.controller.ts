import { BadRequestException, Body, Controller, Ip, Put } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, type HttpSession, type Session } from 'nest-sessions';
import { attemptException } from './attempt-refusal.js';
import { ChangePasswordService, TOO_SHORT_MESSAGE } from './change-password.service.js';
import { readTextField } from './form-fields.js';
import { RequireSecondFactorIfOn } from './require-second-factor-if-on.decorator.js';
import { SignedInUserService } from './signed-in-user.service.js';

/** The user's password, for clients of the JSON API. */
@RequireSecondFactorIfOn()
@Controller('password')
export class PasswordController {
  constructor(
    private readonly passwords: ChangePasswordService,
    private readonly signedInUser: SignedInUserService,
  ) {}

  /** Body `{ "currentPassword": "…", "newPassword": "…" }`. Answers `{ ended }`: how many other sessions there were. */
  @Put()
  async change(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
  ): Promise<{ ended: number }> {
    const user = await this.signedInUser.get(session);
    const currentPassword = readTextField(body, 'currentPassword');
    const newPassword = readTextField(body, 'newPassword');
    const change = await this.passwords.change(http, { user, currentPassword, newPassword, ipAddress });
    if (change.outcome === 'changed') return { ended: change.ended };
    if (change.outcome !== 'too-short') throw attemptException(change, 'password');
    throw new BadRequestException({ statusCode: 400, error: 'password_too_short', message: TOO_SHORT_MESSAGE });
  }
}
