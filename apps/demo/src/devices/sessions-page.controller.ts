import { Get, Param, Post, Query, Res } from '@nestjs/common';
import { CurrentHttpSession, CurrentSession, RequireFreshSession, type HttpSession, type Session } from 'nest-sessions';
import { SignedInUserService } from '../auth/signed-in-user.service.js';
import { findNotice } from '../pages/notices.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { summarizeDevice } from './device-summary.js';
import { endOthers, endSession } from './end-sessions.js';

/** The active-sessions page. Without a fresh session its actions lead to `SignOutConfirmationController`. */
@PageController('sessions')
export class SessionsPageController {
  constructor(
    private readonly pages: Pages,
    private readonly signedInUser: SignedInUserService,
  ) {}

  @Get()
  async list(
    @CurrentSession() session: Session,
    @CurrentHttpSession() http: HttpSession,
    @Query('notice') notice: unknown,
    @Res() response: unknown,
  ): Promise<void> {
    const { name } = await this.signedInUser.get(session);
    const others = (await http.sessions()).filter(({ isCurrent }) => !isCurrent);
    this.pages.show(response, {
      view: 'sessions',
      title: 'Active sessions',
      userName: name,
      menu: 'sessions',
      notice: findNotice(notice),
      model: { current: summarizeDevice(session), others: others.map(summarizeDevice) },
    });
  }

  @Post('sign-out-others')
  @RequireFreshSession('10m')
  async signOutOthers(@CurrentHttpSession() http: HttpSession, @Res() response: unknown): Promise<void> {
    this.pages.redirect(response, '/sessions', await endOthers(http));
  }

  @Post(':id/sign-out')
  @RequireFreshSession('10m')
  async signOutOne(
    @Param('id') id: string,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    this.pages.redirect(response, '/sessions', await endSession(http, id));
  }
}
