import type { LiveSession, SessionAbsence, SessionLogger, SessionStore } from './session-store.js';
import type { SessionEvents } from './session-events.js';
import type { SessionTokens, TokenRejection } from './session-token.js';

/** Why a token was not accepted, for the log; a client learns only that it was not. */
export type AbsenceReason = 'missing' | TokenRejection | SessionAbsence | 'wrong-secret';

export type CheckedToken =
  | (LiveSession & {
      readonly live: true;
      /** The hash to store instead, when the stored one was made with an older key. */
      readonly rehash?: Uint8Array;
    })
  | { readonly live: false; readonly reason: AbsenceReason };

/** Decides whose live session a token is, with at most one read and without any side effect on a live session. */
export class SessionAuthenticator {
  constructor(
    private readonly store: SessionStore,
    private readonly tokens: SessionTokens,
    private readonly logger: SessionLogger,
    private readonly events: SessionEvents,
  ) {}

  async check(token: string | undefined): Promise<CheckedToken> {
    if (token === undefined) return { live: false, reason: 'missing' };
    const parsed = this.tokens.parse(token);
    if (typeof parsed === 'string') return { live: false, reason: parsed };
    const found = await this.store.find(parsed.sessionId);
    if (!found.live) {
      if (found.reason === 'undecodable') await this.endUndecodable(parsed.sessionId);
      return found;
    }
    const verdict = this.tokens.verify(parsed.secret, found.record.tokenHash);
    if (verdict === undefined) return { live: false, reason: 'wrong-secret' };
    return verdict === 'current' ? found : { ...found, rehash: verdict.rehash };
  }

  /** A record that cannot be read would fail every request of its owner until it expires, so it is ended and told of. */
  private async endUndecodable(id: string): Promise<void> {
    const ended = await this.store.revoke({ id, reason: 'undecodable', endedBy: null });
    if (!ended) return;
    this.logger.warn(`session ${id} cannot be decoded and was ended: its owner has to sign in again`);
    this.events.emit('ended', ended);
  }
}
