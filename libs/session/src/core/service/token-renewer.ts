import type { CheckedToken, LiveToken, SessionAuthenticator } from './session-authenticator.js';
import { isUnavailable } from '../session/session-errors.js';
import type { SessionEvents } from '../events/session-events.js';
import { DEFAULT_ROTATION_GRACE_MS, type SessionPolicy } from '../session/session-policy.js';
import type { SessionRotation, SessionStore } from '../ports/session-store.js';
import type { SessionLogger } from '../support/logger.js';
import type { SessionTokens } from '../token/session-token.js';
import { toSession } from './to-session.js';
import { promoteSuccessor, replaceCurrent, withSuccessor, type TokenProof } from '../token/token-rotation.js';
import { encodeTokenState, type TokenState } from '../token/token-state.js';
import { unwrapSecret, wrapSecret } from '../token/token-wrap.js';

/** An attempt is lost when another request wrote a successor, a promotion or a hash under a newer key. */
const MAX_ATTEMPTS = 5;
/** How long a process skips renewals after the store did not answer one. */
const PAUSE_MS = 5_000;

export interface TokenRenewerParts {
  readonly store: SessionStore;
  readonly policy: SessionPolicy;
  readonly tokens: SessionTokens;
  readonly authenticator: SessionAuthenticator;
  readonly events: SessionEvents;
  readonly logger: SessionLogger;
}

interface Step {
  readonly tokenState: TokenState;
  readonly cause: SessionRotation['cause'];
  readonly successor?: string;
}

/**
 * Rotates tokens periodically. A token older than `rotateEveryMs` gets one successor, which every request with the old token
 * receives. Once the client presents the successor, it becomes the current token and the grace of the old one starts.
 *
 * A renewal may fail: when the store does not answer it, the client keeps a token that works.
 */
export class TokenRenewer {
  private pausedUntilMs = -Infinity;

  constructor(private readonly parts: TokenRenewerParts) {}

  /**
   * Checks a token and renews it when that is due.
   *
   * @param options.issue - Whether this answer can carry a token to the client. A presented successor becomes the current
   *   token in either case.
   */
  async check(token: string | undefined, options: { issue: boolean }): Promise<CheckedToken> {
    const checked = await this.parts.authenticator.check(token);
    if (!checked.live || token === undefined || this.isUpToDate(checked)) return checked;
    return this.renew(token, checked, options);
  }

  /** Whether there is nothing to write, and no other token to hand out. */
  private isUpToDate({ tokenState: { successor, previous } }: LiveToken): boolean {
    return this.parts.policy.rotateEveryMs === undefined && !successor && !previous;
  }

  /**
   * Returns the token state in which this new token replaces all others of the session at once.
   *
   * @param proof - Given when the user reauthenticated.
   */
  replaceAll({ tokenState, now }: LiveToken, hash: Uint8Array, proof?: TokenProof): Uint8Array {
    const issuedAtMs = this.parts.policy.rotateEveryMs === undefined ? undefined : now.getTime();
    return encodeTokenState(replaceCurrent(tokenState, { current: hash, issuedAtMs, proof }));
  }

  private async renew(token: string, checked: LiveToken, { issue }: { issue: boolean }): Promise<CheckedToken> {
    let latest = checked;
    try {
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        const step = this.nextStep(latest, issue);
        if (!step) return issue ? this.withSuccessor(latest) : latest;
        const { id, tokenHash: expectedTokenHash } = latest.record;
        const { cause, ...renewed } = step;
        const tokenHash = encodeTokenState(step.tokenState);
        const outcome = await this.parts.store.rotate({ id, expectedTokenHash, tokenHash, cause });
        if (outcome.applied) {
          const { record, now } = outcome;
          if (cause === 'renewal') this.parts.events.emit('rotated', toSession({ record, now, ...renewed }));
          return { live: true, record, now, secret: latest.secret, as: 'current', ...renewed };
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
      tokenState: withSuccessor(tokenState, { current, successor }),
      cause: 'rehash',
      successor: minted.token,
    };
  }

  private promotion({ secret, tokenState, now }: LiveToken): Step {
    const { tokens, policy } = this.parts;
    const [current] = tokens.listHashes(secret);
    const graceMs = policy.rotationGraceMs ?? DEFAULT_ROTATION_GRACE_MS;
    return { tokenState: promoteSuccessor(tokenState, { current, now, graceMs }), cause: 'renewal' };
  }

  /** Adds the token that follows the presented one. Only the presented token can unwrap it. */
  private withSuccessor(checked: LiveToken): LiveToken {
    const {
      as,
      record: { id },
      secret,
      tokenState,
    } = checked;
    const wrap = as === 'current' ? tokenState.successor?.wrap : tokenState.previous?.wrap;
    const unwrapped = as !== 'successor' && wrap && unwrapSecret(wrap, { under: secret, sessionId: id });
    return unwrapped ? { ...checked, successor: this.parts.tokens.format(id, unwrapped) } : checked;
  }
}
