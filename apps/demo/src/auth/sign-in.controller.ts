import { Body, Get, Ip, Post, Query, Res } from '@nestjs/common';
import { CurrentHttpSession, Public, type HttpSession } from 'nest-sessions';
import { landingNamed, landingPath } from '../pages/landing-pages.js';
import { findNotice } from '../pages/notices.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { DEMO_USERS } from '../users/demo-users.js';
import { readTextField } from './form-fields.js';
import { PasswordCheckService } from './password-check.service.js';
import { passwordRefusal, type PasswordRefusal } from './password-refusal.js';
import { SignedInUserService } from './signed-in-user.service.js';

interface SignInForm {
  readonly next: string;
  readonly email: string;
  readonly notice?: string;
  readonly refusal?: PasswordRefusal;
}

@Public()
@PageController('sign-in')
export class SignInController {
  constructor(
    private readonly pages: Pages,
    private readonly passwords: PasswordCheckService,
    private readonly signedInUser: SignedInUserService,
  ) {}

  @Get()
  async form(
    @Query('next') next: unknown,
    @Query('notice') notice: unknown,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const landing = landingNamed(next);
    const user = await this.signedInUser.find(await http.current());
    if (user) this.pages.redirect(response, landingPath(landing));
    else this.show(response, { next: landing, email: '', notice: findNotice(notice) });
  }

  @Post()
  async signIn(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const email = readTextField(body, 'email');
    const next = landingNamed(readTextField(body, 'next'));
    const check = await this.passwords.check({ email, password: readTextField(body, 'password'), ipAddress });
    if (check.outcome !== 'right') {
      this.show(response, { next, email, refusal: passwordRefusal(check, 'Wrong email or password.') });
      return;
    }
    await http.signIn({ userId: check.user.id, amr: ['pwd'] });
    this.pages.redirect(response, landingPath(next));
  }

  private show(response: unknown, { next, email, notice, refusal }: SignInForm): void {
    this.pages.show(response, {
      view: 'sign-in',
      title: 'Sign in',
      status: refusal?.status,
      notice,
      model: { next, email, error: refusal?.message, demoUsers: DEMO_USERS },
    });
  }
}
