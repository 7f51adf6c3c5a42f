import { Inject, Injectable } from '@nestjs/common';
import type { SessionSettings } from '../options/session-settings.js';
import { SESSION_SETTINGS } from '../options/session.constants.js';
import { describePolicy, formatPolicy, type DescribedSessionPolicy } from './describe-policy.js';

/**
 * Says which session policy is in force, defaults and profile worked in (ASVS 7.1.1, 7.1.2).
 *
 * It does not change while the application runs. It is meant for documentation, a start-up log or an administrators'
 * page: it holds no secret, but it tells an attacker what to expect.
 */
@Injectable()
export class SessionPolicyDescription {
  private readonly described: DescribedSessionPolicy;

  constructor(@Inject(SESSION_SETTINGS) settings: SessionSettings) {
    this.described = describePolicy(settings);
  }

  /** A frozen object that JSON can hold. */
  describePolicy(): DescribedSessionPolicy {
    return this.described;
  }

  /** The same for people to read: a line for each value. */
  toString(): string {
    return formatPolicy(this.described);
  }
}
