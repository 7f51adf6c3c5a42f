import { BadRequestException, Body, Get, Post, Res } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, RequireFreshSession, type HttpSession, type Session } from 'nest-sessions';
import { renderSVG } from 'uqr';
import { readTextField } from '../auth/form-fields.js';
import { SignedInUserService } from '../auth/signed-in-user.service.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { RecoveryCodes } from '../second-factor/recovery-codes.service.js';
import { SecondFactors } from '../second-factor/second-factors.service.js';
import { SetUpTickets } from '../second-factor/set-up-tickets.service.js';
import { createTotpSecret, totpUri } from '../second-factor/totp.js';
import type { User } from '../users/user.entity.js';

/** What ISO/IEC 18004 asks to be left blank around a QR code. */
const QUIET_MODULES = 4;

interface SetUpForm {
  readonly user: User;
  readonly session: Session;
  readonly secret: string;
  readonly error?: string;
}

/**
 * Sets an authenticator app up. Each visit shows another secret, and none is stored before a code confirms it.
 *
 * Whoever sets one up has been shown its secret by this session, so its code proves no second factor yet: the session
 * stays at its level until a code is given where one is asked for.
 */
@RequireFreshSession('10m')
@PageController('account/second-factor/set-up')
export class SecondFactorSetUpController {
  constructor(
    private readonly pages: Pages,
    private readonly signedInUser: SignedInUserService,
    private readonly factors: SecondFactors,
    private readonly recoveryCodes: RecoveryCodes,
    private readonly tickets: SetUpTickets,
  ) {}

  @Get()
  async form(@CurrentSession() session: Session, @Res() response: unknown): Promise<void> {
    const user = await this.signedInUser.get(session);
    if (await this.factors.isOn(user.id)) this.pages.redirect(response, '/', 'second-factor-already-on');
    else this.show(response, { user, session, secret: createTotpSecret() });
  }

  @Post()
  async confirm(
    @Body() body: unknown,
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const user = await this.signedInUser.get(session);
    const secret = this.tickets.redeem(readTextField(body, 'ticket'), session);
    if (secret === undefined) throw new BadRequestException();
    const outcome = await this.factors.add({ userId: user.id, secret, code: readTextField(body, 'code') });
    if (outcome === 'already-on') {
      this.pages.redirect(response, '/', 'second-factor-already-on');
    } else if (outcome === 'wrong-code') {
      this.show(response, { user, session, secret, error: 'Wrong code. Is the clock of your device right?' });
    } else {
      // The factor is stored first, so that a signed-out device cannot return with the password alone.
      await http.credentialsChanged();
      await this.showRecoveryCodes(response, user);
    }
  }

  private show(response: unknown, { user, session, secret, error }: SetUpForm): void {
    this.pages.show(response, {
      view: 'second-factor-set-up',
      title: 'Set up an authenticator app',
      status: error === undefined ? undefined : 400,
      userName: user.name,
      menu: 'account',
      model: {
        qrCode: renderSVG(totpUri({ secret, email: user.email }), { border: QUIET_MODULES, ecc: 'M' }),
        secret: secret.replaceAll(/.{4}(?=.)/g, '$& '),
        email: user.email,
        ticket: this.tickets.issue(secret, session),
        error,
      },
    });
  }

  private async showRecoveryCodes(response: unknown, { id, name }: User): Promise<void> {
    this.pages.show(response, {
      view: 'recovery-codes',
      title: 'Your recovery codes',
      userName: name,
      menu: 'account',
      notice: 'The authenticator app is set up. All other devices are signed out.',
      model: { codes: await this.recoveryCodes.replace(id) },
    });
  }
}
