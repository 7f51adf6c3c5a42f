import { Body, Get, Ip, Post, Query, Res } from '@nestjs/common';
import { AllowPendingFactor, CurrentHttpSession, CurrentSession, type HttpSession, type Session } from 'nest-sessions';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { pathLeadingOn, readReturnPath } from '../pages/return-path.js';
import { proofRefusal, type AttemptRefusal } from './attempt-refusal.js';
import { readTextField } from './form-fields.js';
import { ProofService } from './proof.service.js';
import { SignedInUserService } from './signed-in-user.service.js';

const PATH = '/sign-in/code';

interface CodeForm {
  readonly session: Session;
  readonly returnTo: `/${string}`;
  readonly wanted: unknown;
  readonly refusal?: AttemptRefusal;
}

/** The page that completes a sign-in by the second factor. */
@AllowPendingFactor()
@PageController('sign-in/code')
export class SignInCodeController {
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
    const returnTo = readReturnPath(wantedPath);
    if (session.awaitsSecondFactor) await this.show(response, { session, returnTo, wanted });
    else this.pages.redirect(response, returnTo);
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
    if (session.awaitsSecondFactor) {
      const user = await this.signedInUser.get(session);
      const refused = await this.proofs.prove(http, { user, session, body, ipAddress });
      if (refused) {
        await this.show(response, { session, returnTo, wanted: refused.kind, refusal: proofRefusal(refused) });
        return;
      }
    }
    this.pages.redirect(response, returnTo);
  }

  private async show(response: unknown, { session, returnTo, wanted, refusal }: CodeForm): Promise<void> {
    const user = await this.signedInUser.get(session);
    const path = pathLeadingOn({ page: PATH, returnTo });
    const proof = await this.proofs.ask({ user, session, path, wanted, error: refusal?.message });
    this.pages.show(response, {
      view: 'code',
      title: 'Second step',
      status: refusal?.status,
      model: { returnTo, proof },
    });
  }
}
