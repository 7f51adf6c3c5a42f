import type { CheckedToken, LiveToken, SessionAuthenticator } from './session-authenticator.js';
import { isUnavailable } from '../session/session-errors.js';
import type { SessionEvents } from '../events/session-events.js';
import { DEFAULT_ROTATION_GRACE_MS, type SessionPolicy } from '../session/session-policy.js';
import type { SessionRotation, SessionStore } from '../ports/session-store.js';
import type { SessionLogger } from '../support/logger.js';
import type { SessionTokens } from '../token/session-token.js';
import { toSession } from './to-session.js';
import { promoteSuccessor, replaceCurrent, withSuccessor, type TokenProof } from '../token/token-rotation.js';
import { encodeTokenState } from '../token/token-state.js';
import { unwrapSecret, wrapSecret } from '../token/token-wrap.js';

/** Each attempt lost means that another request wrote something: a successor, a promotion, a hash under a newer key. */
const MAX_ATTEMPTS = 5;
/** How long a process leaves renewals alone after the store did not answer one. */
const PAUSE_MS = 5_000;

/** A token that was checked and is still good, and the one that its client should use from now on. */
export type RenewedToken =
  | Exclude<CheckedToken, { readonly live: true }>
  | (Pick<LiveToken, 'live' | 'record' | 'now' | 'rehash'> & { readonly token?: string });

export interface TokenRenewerParts {
  readonly store: SessionStore;
  readonly policy: SessionPolicy;
  readonly tokens: SessionTokens;
  readonly authenticator: SessionAuthenticator;
  readonly events: SessionEvents;
  readonly logger: SessionLogger;
}

type Step = Pick<SessionRotation, 'tokenHash' | 'cause'> & { readonly token?: string };

/**
 * Periodic rotation. A token older than `rotateEveryMs` gets one successor, which every request with the old token is
 * given until the client presents it; from then on it is the current one and the old one has its grace.
 *
 * Optional by nature: a store that does not answer a renewal leaves the client with a token that works.
 */
export class TokenRenewer {
  private pausedUntilMs = -Infinity;

  constructor(private readonly parts: TokenRenewerParts) {}

  /**
   * Checks a token and renews it when that is due.
   *
   * @param options.issue - Whether the client can be given a token with this answer. A successor that it presents counts
   *   as taken up in either case.
   */
  async check(token: string | undefined, options: { issue: boolean }): Promise<RenewedToken> {
    const checked = await this.parts.authenticator.check(token);
    return checked.live && token !== undefined ? this.renew(token, checked, options) : checked;
  }

  /**
   * What to store when this new token takes the place of every other one of the session, at once.
   *
   * @param proof - Given when the user proved who they are for it.
   */
  replaceAll({ tokenState, now }: LiveToken, hash: Uint8Array, proof?: TokenProof): Uint8Array {
    const issuedAtMs = this.parts.policy.rotateEveryMs === undefined ? undefined : now.getTime();
    return encodeTokenState(replaceCurrent(tokenState, { current: hash, issuedAtMs, proof }));
  }

  private async renew(token: string, checked: LiveToken, { issue }: { issue: boolean }): Promise<RenewedToken> {
    let latest = checked;
    try {
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        const step = this.nextStep(latest, issue);
        if (!step) return issue ? { ...latest, token: this.findSuccessor(latest) } : latest;
        const { id, tokenHash: expectedTokenHash } = latest.record;
        const { tokenHash, cause } = step;
        const outcome = await this.parts.store.rotate({ id, expectedTokenHash, tokenHash, cause });
        if (outcome.applied) {
          if (cause === 'renewal') this.parts.events.emit('rotated', toSession(outcome));
          return { live: true, record: outcome.record, now: outcome.now, token: step.token };
        }
        const checkedAgain = await this.parts.authenticator.check(token);
        if (!checkedAgain.live) return checkedAgain;
        latest = checkedAgain;
      }
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.pausedUntilMs = performance.now() + PAUSE_MS;
      this.parts.logger.debug(`the token of session ${checked.record.id} was not renewed: ${error.message}`);
    }
    return latest;
  }

  private nextStep(checked: LiveToken, issue: boolean): Step | undefined {
    if (performance.now() < this.pausedUntilMs) return undefined;
    if (checked.as === 'successor') return this.promotion(checked);
    return issue && checked.as === 'current' && this.isDue(checked) ? this.issue(checked) : undefined;
  }

  private isDue({ tokenState: { issuedAtMs, successor }, record, now }: LiveToken): boolean {
    const { rotateEveryMs } = this.parts.policy;
    if (rotateEveryMs === undefined || successor) return false;
    return now.getTime() - (issuedAtMs ?? record.createdAt.getTime()) >= rotateEveryMs;
  }

  private issue({ record: { id }, secret, tokenState }: LiveToken): Step {
    const { tokens } = this.parts;
    const [current] = tokens.listHashes(secret);
    const minted = tokens.mint(id);
    const successor = { hash: minted.hash, wrap: wrapSecret(minted.secret, { under: secret, sessionId: id }) };
    return {
      tokenHash: encodeTokenState(withSuccessor(tokenState, { current, successor })),
      cause: 'rehash',
      token: minted.token,
    };
  }

  private promotion({ secret, tokenState, now }: LiveToken): Step {
    const { tokens, policy } = this.parts;
    const [current] = tokens.listHashes(secret);
    const graceMs = policy.rotationGraceMs ?? DEFAULT_ROTATION_GRACE_MS;
    return { tokenHash: encodeTokenState(promoteSuccessor(tokenState, { current, now, graceMs })), cause: 'renewal' };
  }

  /** The token that follows the presented one, which alone can tell. */
  private findSuccessor({ as, record: { id }, secret, tokenState }: LiveToken): string | undefined {
    const wrap = as === 'current' ? tokenState.successor?.wrap : tokenState.previous?.wrap;
    const unwrapped = as !== 'successor' && wrap && unwrapSecret(wrap, { under: secret, sessionId: id });
    return unwrapped ? this.parts.tokens.format(id, unwrapped) : undefined;
  }
}
