import { Inject, Injectable, type ExecutionContext } from '@nestjs/common';
import { SessionGuard, type Session } from 'nest-sessions';
import { SecondFactors } from '../second-factor/second-factors.service.js';
import { RequireSecondFactorIfOn } from './require-second-factor-if-on.decorator.js';

/** `SessionGuard`, with what `@RequireSecondFactorIfOn()` asks for: a level that depends on the user. */
@Injectable()
export class DemoSessionGuard extends SessionGuard {
  @Inject(SecondFactors)
  private readonly factors: SecondFactors;

  protected override async isAccepted(session: Session, context: ExecutionContext): Promise<boolean> {
    const isAsked = this.reflector.getAllAndOverride(RequireSecondFactorIfOn, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!isAsked || session.assuranceLevel !== 'aal1' || session.userId === null) return true;
    if (!(await this.factors.isOn(session.userId))) return true;
    const refusal = { reason: 'reauth_required', session, required: { assuranceLevel: 'aal2' } } as const;
    this.httpSessions.emitStepUpRequired(context, refusal);
    return this.refuse(refusal, context);
  }
}
