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
import { SecondFactors } from '../second-factor/second-factors.service.js';

const PATH = '/account/second-factor/remove';

/** Removes the authenticator app and its recovery codes, which needs one of them. */
@RequireAssurance('aal2')
@RequireFreshSession('10m')
@PageController('account/second-factor/remove')
export class SecondFactorRemovalController {
  constructor(
    private readonly pages: Pages,
    private readonly signedInUser: SignedInUserService,
    private readonly factors: SecondFactors,
  ) {}

  @Get()
  async ask(@CurrentSession() session: Session, @Res() response: unknown): Promise<void> {
    const { name } = await this.signedInUser.get(session);
    this.pages.show(response, {
      view: 'confirm',
      title: 'Remove the authenticator app',
      userName: name,
      menu: 'account',
      model: {
        question: 'Remove the authenticator app?',
        explanation:
          'From then on your password is enough to sign in. Your recovery codes stop working, and all your other devices ' +
          'will have to sign in again.',
        button: 'Remove it',
        path: PATH,
        isDangerous: true,
        cancelPath: '/',
      },
    });
  }

  @Post()
  async remove(
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const { id } = await this.signedInUser.get(session);
    if (!(await this.factors.remove(id))) {
      this.pages.redirect(response, '/', 'second-factor-already-off');
      return;
    }
    await http.credentialsChanged();
    this.pages.redirect(response, '/', 'second-factor-removed');
  }
}
