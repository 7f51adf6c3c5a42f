import type { SessionClient } from '../client/client-details.js';
import type { SessionAnomalies } from './session-anomalies.js';
import { renewAuthentication, type AuthenticationInput } from '../authentication/session-authentication.js';
import type { LiveToken, SessionAuthenticator } from './session-authenticator.js';
import type { SessionEvents } from '../events/session-events.js';
import { SessionArgumentError } from '../session/session-errors.js';
import type { SessionPolicy } from '../session/session-policy.js';
import type { EndedSession, SessionRecord, LiveSession } from '../session/session-record.js';
import type { SessionRotation, SessionStore } from '../ports/session-store.js';
import type { RotatedSession } from './session-service.interface.js';
import { toSession } from './to-session.js';
import type { TokenRenewer } from './token-renewer.js';
import type { TokenProof } from '../token/token-rotation.js';
import type { SessionTokens } from '../token/session-token.js';

/** More than the writes that leave the token valid: a newer key, a successor, its promotion. */
const MAX_ATTEMPTS = 8;

export interface TokenReplacement {
  /** Given when the user reauthenticated. */
  readonly authentication?: AuthenticationInput;
  /** The client that gave the proof. After `step-up` it becomes the only known one. Default: known clients stay. */
  readonly client?: SessionClient;
  /** All other sessions of the user end in the same step. */
  readonly endOthers?: SessionRotation['endOthers'];
}

export type ReplacedToken =
  | (LiveSession & { readonly replaced: true; readonly token: string; readonly ended: readonly EndedSession[] })
  | {
      readonly replaced: false;
      readonly reason: 'absent' | 'superseded';
      /** The session as it was last seen. */
      readonly last?: Pick<SessionRecord, 'id' | 'userId'>;
    };

export interface TokenReplacerParts {
  readonly store: SessionStore;
  readonly events: SessionEvents;
  readonly policy: SessionPolicy;
  readonly tokens: SessionTokens;
  readonly authenticator: SessionAuthenticator;
  readonly renewer: TokenRenewer;
  readonly anomalies: SessionAnomalies;
}

/** Gives a live session another token. Of parallel calls with the same token one succeeds. */
export class TokenReplacer {
  constructor(private readonly parts: TokenReplacerParts) {}

  async replace(token: string, replacement: TokenReplacement = {}): Promise<ReplacedToken> {
    const { store, tokens, authenticator, renewer } = this.parts;
    const { authentication, endOthers, client } = replacement;
    let last: SessionRecord | undefined;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const checked = await authenticator.check(token, { endReused: false });
      if (!checked.live) {
        const reason = checked.reason === 'wrong-secret' && attempt > 1 ? 'superseded' : 'absent';
        return { replaced: false, reason, last };
      }
      last = checked.record;
      const { id, userId, tokenHash: expectedTokenHash } = last;
      if ((authentication || endOthers) && userId === null) {
        throw new SessionArgumentError(
          'an anonymous session has no user to reauthenticate: create a session for the user with replacesToken',
        );
      }
      const minted = tokens.mint(id);
      const outcome = await store.rotate({
        id,
        expectedTokenHash,
        tokenHash: renewer.replaceAll(checked, minted.hash, authentication && this.proofOf(checked, client)),
        cause: 'rotation',
        authentication: authentication && this.renew(checked, authentication),
        endOthers,
      });
      if (outcome.applied) return { replaced: true, ...outcome, token: minted.token };
      if (outcome.reason === 'absent') return { replaced: false, reason: 'absent', last };
      // Superseded by another rotation, or only by a newer key or a periodic successor. The next check decides.
    }
    return { replaced: false, reason: 'superseded', last };
  }

  /** Emits the events of a replacement and returns its result for callers of `SessionService`. */
  announce(name: 'rotated' | 'reauthenticated', outcome: ReplacedToken): RotatedSession {
    if (!outcome.replaced) return { rotated: false, reason: outcome.reason };
    const { events } = this.parts;
    const session = toSession(outcome);
    events.emit(name, session);
    for (const one of outcome.ended) events.emit('ended', one);
    return { rotated: true, session, token: outcome.token };
  }

  private renew({ record, tokenState }: LiveToken, input: AuthenticationInput): SessionRotation['authentication'] {
    const { idleTimeoutMs, absoluteTimeoutMs } = this.parts.policy;
    const isInDoubt = tokenState.awaitsReauthentication;
    return { ...renewAuthentication(record, input, { isInDoubt }), idleTimeoutMs, absoluteTimeoutMs };
  }

  private proofOf({ record, tokenState }: LiveToken, client: SessionClient | undefined): TokenProof {
    if (!client || !tokenState.awaitsReauthentication) return {};
    return { clients: this.parts.anomalies.knowOnly(record, client) };
  }
}
