import { Body, Get, Ip, Param, Post, Res, UnauthorizedException } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, SessionService, type HttpSession, type Session } from 'nest-sessions';
import { readTextField } from '../auth/form-fields.js';
import { PasswordCheckService } from '../auth/password-check.service.js';
import { passwordRefusal, type PasswordRefusal } from '../auth/password-refusal.js';
import { SignedInUserService } from '../auth/signed-in-user.service.js';
import type { NoticeKey } from '../pages/notices.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import type { User } from '../users/user.entity.js';
import { endOthers, endSession } from './end-sessions.js';
import { signOutOneQuestion, SIGN_OUT_OTHERS_QUESTION, type SignOutQuestion } from './sign-out-questions.js';

interface ConfirmedRequest {
  readonly body: unknown;
  readonly ipAddress: string;
  readonly session: Session;
  readonly http: HttpSession;
  readonly response: unknown;
}

/**
 * Asks for the password and then does what was asked for. Which action that is stands in the path, so there is nothing
 * that a crafted link could make it return to.
 */
@PageController('sessions')
export class SignOutConfirmationController {
  constructor(
    private readonly pages: Pages,
    private readonly sessions: SessionService,
    private readonly signedInUser: SignedInUserService,
    private readonly passwords: PasswordCheckService,
  ) {}

  @Get('sign-out-others/confirm')
  async askForOthers(@CurrentSession() session: Session, @Res() response: unknown): Promise<void> {
    this.ask(response, await this.signedInUser.get(session), SIGN_OUT_OTHERS_QUESTION);
  }

  @Post('sign-out-others/confirm')
  async signOutOthers(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const request = { body, ipAddress, session, http, response };
    await this.confirm(request, SIGN_OUT_OTHERS_QUESTION, () => endOthers(http));
  }

  @Get(':id/sign-out/confirm')
  async askForOne(
    @Param('id') id: string,
    @CurrentSession() session: Session,
    @Res() response: unknown,
  ): Promise<void> {
    const user = await this.signedInUser.get(session);
    const question = await this.findQuestion(user, id);
    if (question) this.ask(response, user, question);
    else this.pages.redirect(response, '/sessions', 'device-already-signed-out');
  }

  @Post(':id/sign-out/confirm')
  async signOutOne(
    @Param('id') id: string,
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const question = await this.findQuestion(await this.signedInUser.get(session), id);
    const request = { body, ipAddress, session, http, response };
    if (question) await this.confirm(request, question, () => endSession(http, id));
    else this.pages.redirect(response, '/sessions', 'device-already-signed-out');
  }

  private async findQuestion(user: User, id: string): Promise<SignOutQuestion | undefined> {
    const session = (await this.sessions.listByUser(user.id)).find((listed) => listed.id === id);
    return session && signOutOneQuestion(session);
  }

  private async confirm(
    { body, ipAddress, session, http, response }: ConfirmedRequest,
    question: SignOutQuestion,
    act: () => Promise<NoticeKey>,
  ): Promise<void> {
    const user = await this.signedInUser.get(session);
    const password = readTextField(body, 'password');
    const check = await this.passwords.check({ email: user.email, password, ipAddress });
    if (check.outcome !== 'right') {
      this.ask(response, user, question, passwordRefusal(check, 'Wrong password.'));
      return;
    }
    if (!(await http.reauthenticate({ amr: ['pwd'] }))) throw new UnauthorizedException();
    this.pages.redirect(response, '/sessions', await act());
  }

  private ask(response: unknown, user: User, question: SignOutQuestion, refusal?: PasswordRefusal): void {
    this.pages.show(response, {
      view: 'confirm',
      title: 'Confirm that it is you',
      status: refusal?.status,
      userName: user.name,
      menu: 'sessions',
      model: { ...question, email: user.email, error: refusal?.message },
    });
  }
}
