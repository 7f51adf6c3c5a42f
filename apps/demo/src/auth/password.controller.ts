import { Body, Controller, HttpException, Ip, Put } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, type HttpSession, type Session } from 'nest-sessions';
import { ChangePasswordService, TOO_SHORT_MESSAGE } from './change-password.service.js';
import { readTextField } from './form-fields.js';
import { passwordRefusal } from './password-refusal.js';
import { SignedInUserService } from './signed-in-user.service.js';

/** The user's password, for clients of the JSON API. */
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
    if (change.outcome === 'too-short') throw refusal(400, 'password_too_short', TOO_SHORT_MESSAGE);
    const { status, message } = passwordRefusal(change, 'Wrong password.');
    throw refusal(status, change.outcome === 'wrong' ? 'wrong_password' : 'too_many_attempts', message);
  }
}

function refusal(statusCode: number, error: string, message: string): HttpException {
  return new HttpException({ statusCode, error, message }, statusCode);
}
