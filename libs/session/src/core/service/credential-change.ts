import { normalizeActor, type SessionClient } from '../client/client-details.js';
import type { AuthenticationInput } from '../authentication/session-authentication.js';
import type { SessionAuthenticator } from './session-authenticator.js';
import { isUnavailable } from '../session/session-errors.js';
import type { EndedSession } from '../session/session-record.js';
import type { SessionRevocations } from './session-revocations.js';
import type { ReplacedToken, TokenReplacer } from './token-replacer.js';

const REASON = 'credential-change';

export interface CredentialChangeInput {
  readonly authentication?: AuthenticationInput;
  readonly endedBy?: string;
  /** The client that authenticated, as for `reauthenticate`. */
  readonly client?: SessionClient;
}

export interface CredentialChangeParts {
  readonly replacer: TokenReplacer;
  readonly authenticator: SessionAuthenticator;
  readonly revocations: SessionRevocations;
}

/** Replaces one token and ends all other sessions of its user, in one step of the store where that is possible. */
export class CredentialChange {
  constructor(private readonly parts: CredentialChangeParts) {}

  async apply(
    token: string,
    { authentication, endedBy, client }: CredentialChangeInput,
  ): Promise<{ readonly outcome: ReplacedToken; readonly ended: readonly EndedSession[] }> {
    const { replacer, revocations } = this.parts;
    const endOthers = { reason: REASON, endedBy: normalizeActor(endedBy) } as const;
    const outcome = await replacer
      .replace(token, { authentication, endOthers, client })
      .catch(async (error: unknown) => {
        if (isUnavailable(error)) await this.endOthersAtLeast(token, endedBy);
        throw error;
      });
    if (outcome.replaced) return { outcome, ended: outcome.ended };
    const { last, reason } = outcome;
    if (!last || last.userId === null) return { outcome, ended: [] };
    const exceptId = reason === 'superseded' ? last.id : undefined;
    return { outcome, ended: await revocations.revokeAll(last.userId, { reason: REASON, endedBy, exceptId }) };
  }

  /** A store that cannot rotate now may still revoke: the other sessions must not survive the failure. */
  private async endOthersAtLeast(token: string, endedBy: string | undefined): Promise<void> {
    const { authenticator, revocations } = this.parts;
    try {
      const checked = await authenticator.check(token, { endReused: false });
      if (!checked.live || checked.record.userId === null) return;
      const { id: exceptId, userId } = checked.record;
      await revocations.revokeAll(userId, { reason: REASON, endedBy, exceptId });
    } catch (error) {
      if (!isUnavailable(error)) throw error;
    }
  }
}
