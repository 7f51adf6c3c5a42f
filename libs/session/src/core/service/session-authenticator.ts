import type { AbsenceReason } from '../token/session-token.js';
import { isUnavailable } from '../session/session-errors.js';
import type { SessionStore } from '../ports/session-store.js';
import type { LiveSession } from '../session/session-record.js';
import type { SessionLogger } from '../support/logger.js';
import type { SessionEvents } from '../events/session-events.js';
import type { SessionTokens } from '../token/session-token.js';
import { matchToken, type TokenMatch } from '../token/token-rotation.js';
import { decodeTokenState, encodeTokenState, type TokenState } from '../token/token-state.js';

/** A token of a live session, with the session and its token state, decoded once for everything that follows. */
export type LiveToken = LiveSession & {
  readonly live: true;
  readonly secret: Uint8Array;
  readonly tokenState: TokenState;
  readonly as: Exclude<TokenMatch['as'], 'reused'>;
  /** The token hash to store instead, when the stored one was made with an older key. */
  readonly rehash?: Uint8Array;
  /** The token for the client to use from now on, when a periodic rotation has made one. */
  readonly successor?: string;
};

export interface RefusedToken {
  readonly live: false;
  readonly reason: AbsenceReason;
  /** The session that has ended or expired. */
  readonly sessionId?: string;
}

export type CheckedToken = LiveToken | RefusedToken;

export interface SessionAuthenticatorParts {
  readonly store: SessionStore;
  readonly tokens: SessionTokens;
  readonly events: SessionEvents;
  readonly logger: SessionLogger;
}

/** Finds the live session of a token, with at most one read and no side effect on a session that stays live. */
export class SessionAuthenticator {
  constructor(private readonly parts: SessionAuthenticatorParts) {}

  /**
   * @param options.endReused - `false` when the same request has accepted the token before: its grace may have ended since.
   *   A reused token is then refused without ending the session. Default `true`.
   */
  async check(token: string | undefined, { endReused = true }: { endReused?: boolean } = {}): Promise<CheckedToken> {
    const { store, tokens } = this.parts;
    if (token === undefined) return { live: false, reason: 'missing' };
    const parsed = tokens.parse(token);
    if (typeof parsed === 'string') return { live: false, reason: parsed };
    const { sessionId, secret } = parsed;
    const found = await store.find(sessionId);
    const tokenState = found.live ? decodeTokenState(found.record.tokenHash) : undefined;
    if (!found.live || !tokenState) {
      const reason = found.live ? 'undecodable' : found.reason;
      if (reason === 'undecodable') await this.endUndecodable(sessionId);
      return { live: false, reason, ...((reason === 'ended' || reason === 'expired') && { sessionId }) };
    }
    const match = matchToken(tokenState, { tokens, secret, now: found.now });
    if (match === undefined) return { live: false, reason: 'wrong-secret' };
    if (match.as === 'reused') {
      if (endReused) await this.endReused(found);
      return { live: false, reason: 'reuse' };
    }
    const { record, now } = found;
    if (match.as !== 'current' || !match.rehash) return { live: true, record, now, secret, tokenState, as: match.as };
    const rehash = encodeTokenState({ ...tokenState, current: match.rehash });
    return { live: true, record, now, secret, tokenState, as: match.as, rehash };
  }

  /** An unreadable record would fail every request of its owner until it expires, so its session is ended and logged. */
  private async endUndecodable(id: string): Promise<void> {
    const ended = await this.parts.store.revoke({ id, reason: 'undecodable', endedBy: null });
    if (!ended) return;
    this.parts.logger.warn(`session ${id} cannot be decoded and was ended: its owner has to sign in again`);
    this.parts.events.emit('ended', ended);
  }

  /**
   * Nothing tells the thief from the owner, so the session ends for both (RFC 9700, 4.14.2). The token is refused even if
   * the store cannot end the session now.
   */
  private async endReused({ record: { id, userId }, now }: LiveSession): Promise<void> {
    const { store, events, logger } = this.parts;
    try {
      const ended = await store.revoke({ id, reason: 'reuse', endedBy: null });
      if (!ended) return;
      logger.warn(`session ${id} was revoked: a token was used again after its successor had taken its place`);
      events.emit('reuse-detected', { id, userId, detectedAt: now, isRevoked: true });
      events.emit('ended', ended);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      logger.warn(
        `session ${id}: a retired token was used and refused, but the session was not ended yet: ${error.message}`,
      );
      events.emit('reuse-detected', { id, userId, detectedAt: now, isRevoked: false });
    }
  }
}
