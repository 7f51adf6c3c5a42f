import { Logger, Post, Res } from '@nestjs/common';
import { CurrentHttpSession, Public, SessionStoreUnavailableError, type HttpSession } from 'nest-sessions';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { signOutIncompletePage } from '../pages/problem-pages.js';

/** Public: whose session has ended already is signed out, too. */
@Public()
@PageController('sign-out')
export class SignOutController {
  private readonly logger = new Logger(SignOutController.name);

  constructor(private readonly pages: Pages) {}

  @Post()
  async signOut(@CurrentHttpSession() http: HttpSession, @Res() response: unknown): Promise<void> {
    try {
      await http.signOut();
    } catch (error) {
      if (!(error instanceof SessionStoreUnavailableError)) throw error;
      this.logger.error(error.message);
      this.pages.show(response, signOutIncompletePage());
      return;
    }
    this.pages.redirect(response, '/sign-in', 'signed-out');
  }
}
