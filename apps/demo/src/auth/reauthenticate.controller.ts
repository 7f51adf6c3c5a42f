import { Body, Controller, HttpCode, HttpException, Ip, Post, UnauthorizedException } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, type HttpSession, type Session } from 'nest-sessions';
import { readTextField } from './form-fields.js';
import { PasswordCheckService } from './password-check.service.js';
import { passwordRefusal } from './password-refusal.js';
import { SignedInUserService } from './signed-in-user.service.js';

/** For clients of the JSON API that were told `reauth_required`. */
@Controller('reauthenticate')
export class ReauthenticateController {
  constructor(
    private readonly passwords: PasswordCheckService,
    private readonly signedInUser: SignedInUserService,
  ) {}

  /** Body `{ "password": "…" }`. 204 with a new cookie, 401 `wrong_password`, 429 `too_many_attempts`. */
  @Post()
  @HttpCode(204)
  async reauthenticate(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
  ): Promise<void> {
    const { email } = await this.signedInUser.get(session);
    const check = await this.passwords.check({ email, password: readTextField(body, 'password'), ipAddress });
    if (check.outcome !== 'right') {
      const { status, message } = passwordRefusal(check, 'Wrong password.');
      const error = check.outcome === 'wrong' ? 'wrong_password' : 'too_many_attempts';
      throw new HttpException({ statusCode: status, error, message }, status);
    }
    if (!(await http.reauthenticate({ amr: ['pwd'] }))) throw new UnauthorizedException();
  }
}
