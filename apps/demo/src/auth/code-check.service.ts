import { Inject, Injectable } from '@nestjs/common';
import { RecoveryCodes } from '../second-factor/recovery-codes.service.js';
import { SECOND_FACTOR_SETTINGS } from '../second-factor/second-factor.constants.js';
import type { SecondFactorSettings } from '../second-factor/second-factor.module.js';
import { SecondFactors, type GivenCode } from '../second-factor/second-factors.service.js';
import type { RefusedAttempt } from './attempt-refusal.js';
import { AttemptThrottle } from './attempt-throttle.js';
import type { Proof } from './proof.js';

/**
 * Checks the codes of an app and recovery codes; nothing else does. Attempts count for the account, whatever the address:
 * an attacker who guesses codes knows the password already, and may have many addresses.
 */
@Injectable()
export class CodeCheckService {
  private readonly throttle: AttemptThrottle;

  constructor(
    private readonly factors: SecondFactors,
    private readonly recoveryCodes: RecoveryCodes,
    @Inject(SECOND_FACTOR_SETTINGS) { nowMs }: SecondFactorSettings,
  ) {
    this.throttle = new AttemptThrottle(nowMs);
  }

  async check(userId: string, { kind, value }: Proof): Promise<{ readonly outcome: 'right' } | RefusedAttempt> {
    const retryAfterSeconds = this.throttle.begin(userId);
    if (retryAfterSeconds > 0) return { outcome: 'too-many-attempts', retryAfterSeconds };
    const given = { userId, code: value };
    const outcome = kind === 'code' ? await this.factors.use(given) : await this.useRecoveryCode(given);
    if (outcome === 'right') this.throttle.forget(userId);
    return { outcome };
  }

  private async useRecoveryCode(given: GivenCode): Promise<'right' | 'wrong'> {
    return (await this.recoveryCodes.use(given)) ? 'right' : 'wrong';
  }
}
