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

/** Decides whose live session a token is, with at most one read and without any side effect on a session that stays live. */
export class SessionAuthenticator {
  constructor(private readonly parts: SessionAuthenticatorParts) {}

  /**
   * @param options.endReused - `false` when the token was accepted earlier in the same request, during which its grace
   *   may have ended: it is refused, but that is no reason to end the session. Default `true`.
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
    const live = { ...found, secret, tokenState, as: match.as };
    if (match.as !== 'current' || !match.rehash) return live;
    return { ...live, rehash: encodeTokenState({ ...tokenState, current: match.rehash }) };
  }

  /** A record that cannot be read would fail every request of its owner until it expires, so it is ended and told of. */
  private async endUndecodable(id: string): Promise<void> {
    const ended = await this.parts.store.revoke({ id, reason: 'undecodable', endedBy: null });
    if (!ended) return;
    this.parts.logger.warn(`session ${id} cannot be decoded and was ended: its owner has to sign in again`);
    this.parts.events.emit('ended', ended);
  }

  /**
   * Of two holders of a token it cannot be told which one is the thief, so the session ends for both (RFC 9700, 4.14.2).
   * A store that cannot end it now does not make the token any better: the caller refuses it all the same.
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
