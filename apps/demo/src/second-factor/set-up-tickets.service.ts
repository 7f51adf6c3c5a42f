import { Inject, Injectable } from '@nestjs/common';
import type { Session } from 'nest-sessions';
import { SECOND_FACTOR_SETTINGS } from './second-factor.constants.js';
import type { SecondFactorSettings } from './second-factor.module.js';
import { SecretBox } from './secret-box.js';

/**
 * Carries a new secret through the form that confirms it, so that nothing is stored before: sealed, and for the session
 * that was shown it only. A secret that anybody else has seen can so never become the user's.
 */
@Injectable()
export class SetUpTickets {
  private readonly box: SecretBox;

  constructor(@Inject(SECOND_FACTOR_SETTINGS) { key }: SecondFactorSettings) {
    this.box = new SecretBox(key);
  }

  issue(secret: string, session: Session): string {
    return this.box.seal({ text: secret, purpose: purposeFor(session) }).toString('base64url');
  }

  /** The secret; `undefined` for whatever was not issued to this session. */
  redeem(ticket: string, session: Session): string | undefined {
    return this.box.open({ sealed: Buffer.from(ticket, 'base64url'), purpose: purposeFor(session) });
  }
}

function purposeFor({ id, userId }: Session): string {
  return `set-up:${userId}:${id}`;
}
