import { Body, Get, Ip, Param, Post, Query, Res } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, SessionService, type HttpSession, type Session } from 'nest-sessions';
import { proofRefusal, type AttemptRefusal } from '../auth/attempt-refusal.js';
import { ProofService } from '../auth/proof.service.js';
import { SignedInUserService } from '../auth/signed-in-user.service.js';
import type { NoticeKey } from '../pages/notices.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { endOthers, endSession } from './end-sessions.js';
import { signOutOneQuestion, SIGN_OUT_OTHERS_QUESTION, type SignOutQuestion } from './sign-out-questions.js';

interface AskedRequest {
  readonly session: Session;
  /** The kind of proof that was chosen, if any: whatever the request says. */
  readonly wanted: unknown;
  readonly response: unknown;
}

interface ConfirmedRequest {
  readonly body: unknown;
  readonly ipAddress: string;
  readonly session: Session;
  readonly http: HttpSession;
  readonly response: unknown;
}

/**
 * Asks for a fresh proof and then signs out. The path names the action, so a crafted link has no return address to forge.
 */
@PageController('sessions')
export class SignOutConfirmationController {
  constructor(
    private readonly pages: Pages,
    private readonly sessions: SessionService,
    private readonly signedInUser: SignedInUserService,
    private readonly proofs: ProofService,
  ) {}

  @Get('sign-out-others/confirm')
  async askForOthers(
    @Query('with') wanted: unknown,
    @CurrentSession() session: Session,
    @Res() response: unknown,
  ): Promise<void> {
    await this.ask({ session, wanted, response }, SIGN_OUT_OTHERS_QUESTION);
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
    @Query('with') wanted: unknown,
    @CurrentSession() session: Session,
    @Res() response: unknown,
  ): Promise<void> {
    const question = await this.findQuestion(session, id);
    if (question) await this.ask({ session, wanted, response }, question);
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
    const question = await this.findQuestion(session, id);
    const request = { body, ipAddress, session, http, response };
    if (question) await this.confirm(request, question, () => endSession(http, id));
    else this.pages.redirect(response, '/sessions', 'device-already-signed-out');
  }

  private async findQuestion(current: Session, id: string): Promise<SignOutQuestion | undefined> {
    const user = await this.signedInUser.get(current);
    const session = (await this.sessions.listByUser(user.id)).find((listed) => listed.id === id);
    return session && signOutOneQuestion(session);
  }

  private async confirm(
    { body, ipAddress, session, http, response }: ConfirmedRequest,
    question: SignOutQuestion,
    act: () => Promise<NoticeKey>,
  ): Promise<void> {
    const user = await this.signedInUser.get(session);
    const refused = await this.proofs.prove(http, { user, session, body, ipAddress });
    if (refused) await this.ask({ session, wanted: refused.kind, response }, question, proofRefusal(refused));
    else this.pages.redirect(response, '/sessions', await act());
  }

  private async ask(
    { session, wanted, response }: AskedRequest,
    question: SignOutQuestion,
    refusal?: AttemptRefusal,
  ): Promise<void> {
    const user = await this.signedInUser.get(session);
    const { path } = question;
    const proof = await this.proofs.ask({ user, session, path, wanted, error: refusal?.message });
    this.pages.show(response, {
      view: 'confirm',
      title: 'Confirm that it is you',
      status: refusal?.status,
      userName: user.name,
      menu: 'sessions',
      model: { ...question, isDangerous: true, cancelPath: '/sessions', proof },
    });
  }
}
