import { Body, Get, Ip, Post, Query, Res } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, type HttpSession, type Session } from 'nest-sessions';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { pathLeadingOn, readReturnPath } from '../pages/return-path.js';
import { proofRefusal, type AttemptRefusal } from './attempt-refusal.js';
import { readTextField } from './form-fields.js';
import { ProofService } from './proof.service.js';
import { SignedInUserService } from './signed-in-user.service.js';

const PATH = '/confirm';

interface ConfirmForm {
  readonly session: Session;
  readonly returnTo: `/${string}`;
  readonly wanted: unknown;
  readonly refusal?: AttemptRefusal;
}

/** Asks a signed-in user for a fresh or stronger proof, and leads on to the page that was refused for want of it. */
@PageController('confirm')
export class ConfirmController {
  constructor(
    private readonly pages: Pages,
    private readonly proofs: ProofService,
    private readonly signedInUser: SignedInUserService,
  ) {}

  @Get()
  async form(
    @Query('returnTo') wantedPath: unknown,
    @Query('with') wanted: unknown,
    @CurrentSession() session: Session,
    @Res() response: unknown,
  ): Promise<void> {
    await this.show(response, { session, returnTo: readReturnPath(wantedPath), wanted });
  }

  @Post()
  async prove(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const returnTo = readReturnPath(readTextField(body, 'returnTo'));
    const user = await this.signedInUser.get(session);
    const refused = await this.proofs.prove(http, { user, session, body, ipAddress });
    if (refused) await this.show(response, { session, returnTo, wanted: refused.kind, refusal: proofRefusal(refused) });
    else this.pages.redirect(response, returnTo);
  }

  private async show(response: unknown, { session, returnTo, wanted, refusal }: ConfirmForm): Promise<void> {
    const user = await this.signedInUser.get(session);
    const path = pathLeadingOn({ page: PATH, returnTo });
    const proof = await this.proofs.ask({ user, session, path, wanted, error: refusal?.message });
    this.pages.show(response, {
      view: 'confirm',
      title: 'Confirm that it is you',
      status: refusal?.status,
      userName: user.name,
      menu: returnTo.startsWith('/sessions') ? 'sessions' : 'account',
      model: {
        question: 'Confirm that it is you',
        explanation: 'What comes next concerns the safety of your account.',
        button: 'Continue',
        path: PATH,
        isDangerous: false,
        cancelPath: returnTo.startsWith('/sessions') ? '/sessions' : '/',
        returnTo,
        proof,
      },
    });
  }
}
