import { Body, Controller, HttpCode, Ip, Post } from '@nestjs/common';
import { AllowPendingFactor, CurrentHttpSession, CurrentSession, type HttpSession, type Session } from 'nest-sessions';
import { attemptException } from './attempt-refusal.js';
import { ProofService } from './proof.service.js';
import { SignedInUserService } from './signed-in-user.service.js';

/** For clients of the JSON API that received `reauth_required` or `second_factor_required`. */
@Controller('reauthenticate')
export class ReauthenticateController {
  constructor(
    private readonly proofs: ProofService,
    private readonly signedInUser: SignedInUserService,
  ) {}

  /**
   * Body `{ "code": "…" }` or `{ "recoveryCode": "…" }`, or of a complete session `{ "password": "…" }`. 204 with a new
   * cookie, 401 `wrong_password`, `wrong_code`, `code_used` or `wrong_recovery_code`, 429 `too_many_attempts`.
   */
  @AllowPendingFactor()
  @Post()
  @HttpCode(204)
  async reauthenticate(
    @Body() body: unknown,
    @Ip() ipAddress: string,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
  ): Promise<void> {
    const user = await this.signedInUser.get(session);
    const refused = await this.proofs.prove(http, { user, session, body, ipAddress });
    if (refused) throw attemptException(refused.attempt, refused.kind);
  }
}
