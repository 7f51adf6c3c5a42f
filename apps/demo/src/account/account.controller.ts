import { Get, Query, Res } from '@nestjs/common';
import { CurrentSession, SessionService, type Session } from 'nest-sessions';
import { SignedInUserService } from '../auth/signed-in-user.service.js';
import { summarizeDevice } from '../devices/device-summary.js';
import { describeMoment } from '../pages/moment.js';
import { findNotice } from '../pages/notices.js';
import { PageController } from '../pages/page-controller.decorator.js';
import { Pages } from '../pages/pages.service.js';
import { RecoveryCodes } from '../second-factor/recovery-codes.service.js';
import { SecondFactors } from '../second-factor/second-factors.service.js';

@PageController()
export class AccountController {
  constructor(
    private readonly pages: Pages,
    private readonly sessions: SessionService,
    private readonly signedInUser: SignedInUserService,
    private readonly factors: SecondFactors,
    private readonly recoveryCodes: RecoveryCodes,
  ) {}

  @Get()
  async account(
    @CurrentSession() session: Session,
    @Query('notice') notice: unknown,
    @Res() response: unknown,
  ): Promise<void> {
    const { id, name, email } = await this.signedInUser.get(session);
    const sessions = await this.sessions.listByUser(id);
    const since = await this.factors.findSince(id);
    const seenFrom = (at: Date) => describeMoment(at, session.checkedAt);
    this.pages.show(response, {
      view: 'account',
      title: 'Your account',
      userName: name,
      menu: 'account',
      notice: findNotice(notice),
      model: {
        name,
        email,
        device: summarizeDevice(session),
        confirmed: seenFrom(session.authenticatedAt ?? session.createdAt),
        endsAt: seenFrom(session.absoluteExpiresAt),
        sessionCount: sessions.filter((listed) => !listed.awaitsSecondFactor).length,
        secondFactor: since ? { since: seenFrom(since), recoveryCodesLeft: await this.recoveryCodes.count(id) } : null,
      },
    });
  }
}
