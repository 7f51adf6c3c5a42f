import { Body, Get, Ip, Post, Query, Req, Res } from '@nestjs/common';
import { CurrentHttpSession, Public, SessionSignInRefusedError, type HttpSession } from 'nest-sessions';
import { findNotice, NOTICES } from '../pages/notices.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { holdsSessionCookie, type PageRequest } from '../pages/page-request.js';
import { Pages } from '../pages/pages.service.js';
import { pathLeadingOn, readReturnPath } from '../pages/return-path.js';
import { SecondFactors } from '../second-factor/second-factors.service.js';
import { DEMO_USERS } from '../users/demo-users.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { attemptRefusal, type AttemptRefusal, type RefusedAttempt } from './attempt-refusal.js';
import { readTextField } from './form-fields.js';
import { PasswordCheckService } from './password-check.service.js';
import { SignedInUserService } from './signed-in-user.service.js';

interface SignInForm {
  readonly returnTo: string;
  readonly email: string;
  readonly notice?: string;
  readonly refusal?: Pick<AttemptRefusal, 'status' | 'message'>;
}

@Public()
@PageController('sign-in')
export class SignInController {
  constructor(
    private readonly pages: Pages,
    private readonly passwords: PasswordCheckService,
    private readonly factors: SecondFactors,
    private readonly signedInUser: SignedInUserService,
    private readonly users: UsersService,
  ) {}

  @Get()
  async form(
    @Query('returnTo') wanted: unknown,
    @Query('notice') notice: unknown,
    @Req() request: PageRequest,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const returnTo = readReturnPath(wanted);
    if (await http.pending()) {
      this.pages.redirect(response, pathLeadingOn({ page: '/sign-in/code', returnTo }));
    } else if (await this.signedInUser.find(await http.current())) {
      this.pages.redirect(response, returnTo);
    } else {
      const why = (await http.doubted()) ? NOTICES['session-in-doubt'] : whyHere(request, returnTo);
      this.show(response, { returnTo, email: '', notice: findNotice(notice) ?? why });
    }
  }

  @Post()
  async signIn(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const email = readTextField(body, 'email');
    const returnTo = readReturnPath(readTextField(body, 'returnTo'));
    const check = await this.passwords.check({ email, password: readTextField(body, 'password'), ipAddress });
    if (check.outcome !== 'right') {
      this.show(response, { returnTo, email, refusal: refuse(check) });
      return;
    }
    try {
      const awaitsSecondFactor = await this.beginSession(http, check.user);
      this.pages.redirect(response, awaitsSecondFactor ? pathLeadingOn({ page: '/sign-in/code', returnTo }) : returnTo);
    } catch (error) {
      if (!(error instanceof SessionSignInRefusedError)) throw error;
      this.show(response, { returnTo, email, refusal: refuse({ outcome: 'wrong' }) });
    }
  }

  /**
   * A password changed, or a second factor set up, since the password was checked has ended the sessions that there were,
   * and this one may have begun right after that. So both are looked at again once it has.
   *
   * @returns Whether the second factor is still to come.
   * @throws {SessionSignInRefusedError} The password has been changed.
   */
  private async beginSession(http: HttpSession, user: User): Promise<boolean> {
    const hasSecondFactor = await this.factors.isOn(user.id);
    const isStillAllowed = () => this.users.hasPasswordStill(user);
    const signIn = { userId: user.id, amr: ['pwd'], isStillAllowed };
    await http.signIn({ ...signIn, awaitsSecondFactor: hasSecondFactor });
    if (hasSecondFactor || !(await this.factors.isOn(user.id))) return hasSecondFactor;
    await http.signIn({ ...signIn, awaitsSecondFactor: true });
    return true;
  }

  private show(response: unknown, { returnTo, email, notice, refusal }: SignInForm): void {
    this.pages.show(response, {
      view: 'sign-in',
      title: 'Sign in',
      status: refusal?.status,
      notice,
      model: { returnTo, email, error: refusal?.message, demoUsers: DEMO_USERS },
    });
  }
}

/** A cookie that signs nobody in belongs to a session that has ended. */
function whyHere(request: PageRequest, returnTo: string): string | undefined {
  if (holdsSessionCookie(request)) return NOTICES['session-over'];
  return returnTo === '/' ? undefined : NOTICES['sign-in-required'];
}

/** Does not say whether there is such a user. */
function refuse(attempt: RefusedAttempt): Pick<AttemptRefusal, 'status' | 'message'> {
  const { status, message } = attemptRefusal(attempt, 'password');
  return { status, message: attempt.outcome === 'wrong' ? 'Wrong email or password.' : message };
}
