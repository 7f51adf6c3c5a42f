import { Get, Post, Res } from '@nestjs/common';
import {
  CurrentHttpSession,
  CurrentSession,
  RequireAssurance,
  RequireFreshSession,
  type HttpSession,
  type Session,
} from 'nest-sessions';
import { SignedInUserService } from '../auth/signed-in-user.service.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { RecoveryCodes } from '../second-factor/recovery-codes.service.js';

const PATH = '/account/second-factor/recovery-codes';

/** New recovery codes in place of those that are used, lost or seen by others. */
@RequireAssurance('aal2')
@RequireFreshSession('10m')
@PageController('account/second-factor/recovery-codes')
export class RecoveryCodesController {
  constructor(
    private readonly pages: Pages,
    private readonly signedInUser: SignedInUserService,
    private readonly recoveryCodes: RecoveryCodes,
  ) {}

  @Get()
  async ask(@CurrentSession() session: Session, @Res() response: unknown): Promise<void> {
    const { name } = await this.signedInUser.get(session);
    this.pages.show(response, {
      view: 'confirm',
      title: 'New recovery codes',
      userName: name,
      menu: 'account',
      model: {
        question: 'Make new recovery codes?',
        explanation: 'Those that you have stop working, and all your other devices will have to sign in again.',
        button: 'Make new codes',
        path: PATH,
        isDangerous: false,
        cancelPath: '/',
      },
    });
  }

  @Post()
  async replace(
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const { id, name } = await this.signedInUser.get(session);
    const codes = await this.recoveryCodes.replace(id);
    if (codes.length === 0) {
      this.pages.redirect(response, '/', 'second-factor-already-off');
      return;
    }
    await http.credentialsChanged();
    this.pages.show(response, {
      view: 'recovery-codes',
      title: 'Your recovery codes',
      userName: name,
      menu: 'account',
      notice: 'These replace the codes that you had. All other devices are signed out.',
      model: { codes },
    });
  }
}
