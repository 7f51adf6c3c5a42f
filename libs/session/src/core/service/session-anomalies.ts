import { ANOMALY_DECISIONS, type AnomalyDecision } from '../events/security-events.js';
import { randomBytes } from 'node:crypto';
import { normalizeUserAgent, type SessionClient } from '../client/client-details.js';
import { findChangedClient, type ChangedClient, type ClientChange } from '../client/client-traits.js';
import type { IpAddressForm } from '../client/ip-address-form.js';
import type { CheckedToken, LiveToken, RefusedToken, SessionAuthenticator } from './session-authenticator.js';
import type { AbsenceReason } from '../token/session-token.js';
import { RecentKeys } from '../support/recent-keys.js';
import { isUnavailable, SessionArgumentError } from '../session/session-errors.js';
import type { SessionEvents } from '../events/session-events.js';
import type { SessionRecord } from '../session/session-record.js';
import type { SessionStore } from '../ports/session-store.js';
import type { SessionLogger } from '../support/logger.js';
import type { UserSession } from '../session/session.js';
import { toSession } from './to-session.js';
import {
  DECISION_ID_BYTES,
  encodeTokenState,
  MAX_CLIENT_TRAITS,
  type LaterClients,
  type TokenState,
} from '../token/token-state.js';

/** Each attempt lost means that another request wrote something about the session's tokens. */
const MAX_ATTEMPTS = 8;
const MAX_REMEMBERED = 10_000;

/** A session that is used by a client unlike those that used it before. */
export interface SessionAnomaly {
  /** With `ipAddress` and `userAgent` of the client that it began with. */
  readonly session: UserSession;
  readonly changes: readonly ClientChange[];
  /** Who uses it now; of the address what `ipAddresses` keeps. */
  readonly client: { readonly ipAddress: string | null; readonly userAgent: string | null };
}

/** An async function that has one answer only needs `as const` behind it, or TypeScript takes it for any string. */
export type DecideAnomaly = (anomaly: SessionAnomaly) => AnomalyDecision | Promise<AnomalyDecision>;

export interface SessionAnomaliesParts {
  readonly store: SessionStore;
  readonly authenticator: SessionAuthenticator;
  readonly events: SessionEvents;
  readonly logger: SessionLogger;
  readonly toStoredIpAddress: IpAddressForm;
  /** Default none: nobody is compared with anybody. */
  readonly decide?: DecideAnomaly;
}

type LiveOfUser = LiveToken & { readonly record: { readonly userId: string } };

/** What becomes of a request, or `gone`: the session is not what it was when the request was found live. */
type Verdict = AnomalyDecision | 'gone';

/**
 * Asks the application what to do about a session that another client uses (ASVS 8.2.4), once for each such client: what
 * was decided is stored beside the token hash, and so holds on every instance. Anonymous sessions are not looked at.
 *
 * Parallel requests of one client with one token ask once in a process. A store that does not take the decision lets
 * nobody in by that: what was allowed is allowed once, what was refused is refused.
 */
export class SessionAnomalies {
  private readonly underWay = new Map<string, Promise<Verdict>>();
  /** What was told of as not stored. */
  private readonly unstored = new RecentKeys(MAX_REMEMBERED);

  constructor(private readonly parts: SessionAnomaliesParts) {}

  /** @throws What the application's function throws: the request fails, and nothing was decided. */
  async examine(token: string, checked: LiveToken, client: SessionClient): Promise<CheckedToken> {
    const { decide, authenticator } = this.parts;
    let latest = checked;
    for (let attempt = 1; decide && attempt <= MAX_ATTEMPTS; attempt++) {
      if (!isOfUser(latest)) return latest;
      const changed = this.findChange(latest, client);
      if (!changed) return latest;
      const verdict = await this.settle(latest, { token, changed, client, decide });
      if (verdict === 'allow' || verdict === 'notify') return latest;
      if (verdict === 'step-up') return withWaiting(latest);
      if (verdict === 'revoke') return refused('anomaly');
      const checkedAgain = await authenticator.check(token);
      if (!checkedAgain.live) return checkedAgain;
      latest = { ...checkedAgain, successor: latest.successor };
    }
    return decide ? refused('anomaly') : latest;
  }

  /** What a session knows of its clients when this one is all that it trusts beside the one that it began with. */
  knowOnly(record: SessionRecord, client: SessionClient): LaterClients | undefined {
    const { toStoredIpAddress } = this.parts;
    const changed = findChangedClient({ record, client, known: [], toStoredIpAddress });
    return changed && { traits: changed.traits, decisionId: newDecisionId() };
  }

  private findChange({ record, tokenState }: LiveToken, client: SessionClient): ChangedClient | undefined {
    if (tokenState.awaitsReauthentication) return undefined;
    const { toStoredIpAddress } = this.parts;
    return findChangedClient({ record, client, known: tokenState.clients?.traits ?? [], toStoredIpAddress });
  }

  private settle(live: LiveOfUser, about: Question): Promise<Verdict> {
    // By token: that another one was still good when the answer was stored says nothing about this one.
    const key = `${about.token} ${clientKey(live, about.changed)}`;
    let verdict = this.underWay.get(key);
    if (!verdict) {
      verdict = this.decideAndStore(live, about).finally(() => this.underWay.delete(key));
      this.underWay.set(key, verdict);
    }
    return verdict;
  }

  private async decideAndStore(live: LiveOfUser, { token, changed, client, decide }: Question): Promise<Verdict> {
    const seen = {
      ipAddress: this.parts.toStoredIpAddress(client.ipAddress),
      userAgent: normalizeUserAgent(client.userAgent),
    };
    const decision = await decide({ session: toSession(live) as UserSession, changes: changed.changes, client: seen });
    assertDecision(decision);
    const tell = (isStored: boolean) => {
      if (decision === 'allow') return;
      const { id, userId, ipAddress: formerIpAddress, userAgent: formerUserAgent } = live.record;
      const former = { formerIpAddress, formerUserAgent };
      const { changes } = changed;
      this.parts.events.emit('anomaly', {
        at: new Date(),
        id,
        userId,
        changes,
        decision,
        isStored,
        ...seen,
        ...former,
      });
    };
    try {
      const outcome =
        decision === 'revoke'
          ? await this.revoke(live, { token, tell })
          : await this.remember(live, { token, changed, decision });
      if (outcome === 'stored' && decision !== 'revoke') tell(true);
      return outcome === 'stored' ? decision : 'gone';
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.parts.logger.warn(
        `session ${live.record.id} is used by another client, and "${decision}" is perhaps not stored: ${error.message}`,
      );
      // Also of `notify`: if the answer was all that was lost, nobody will ask about this client again.
      if (this.unstored.add(`${decision} ${clientKey(live, changed)}`)) tell(false);
      return decision;
    }
  }

  private async revoke(
    { record: { id } }: LiveToken,
    { token, tell }: { token: string; tell: (isStored: boolean) => void },
  ): Promise<'stored' | 'gone'> {
    const { store, events, authenticator } = this.parts;
    // Whoever proved who they are while the application judged has shut this request out already.
    if (!(await authenticator.check(token)).live) return 'gone';
    const ended = await store.revoke({ id, reason: 'anomaly', endedBy: null });
    if (!ended) return 'gone';
    tell(true);
    events.emit('ended', ended);
    return 'stored';
  }

  private async remember(
    live: LiveToken,
    { token, changed, decision }: Pick<Question, 'token' | 'changed'> & { decision: AnomalyDecision },
  ): Promise<'stored' | 'gone'> {
    const { store, authenticator } = this.parts;
    let latest = live;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const { id, tokenHash: expectedTokenHash } = latest.record;
      const state = withTraits(latest.tokenState, { traits: changed.traits, isWaiting: decision === 'step-up' });
      if (!state) return 'gone';
      const tokenHash = encodeTokenState(state);
      const outcome = await store.rotate({ id, expectedTokenHash, tokenHash, cause: 'rehash' });
      if (outcome.applied) return 'stored';
      if (outcome.reason === 'absent') return 'gone';
      // Who proved who they are meanwhile has another token, and is not asked for it again by a request from before.
      const checkedAgain = await authenticator.check(token);
      if (!checkedAgain.live) return 'gone';
      latest = checkedAgain;
    }
    return 'gone';
  }
}

function isOfUser(live: LiveToken): live is LiveOfUser {
  return live.record.userId !== null;
}

function clientKey({ record }: LiveToken, { traits }: ChangedClient): string {
  return [record.id, ...traits.map((trait) => Buffer.from(trait).toString('hex'))].join(' ');
}

interface Question {
  readonly token: string;
  readonly changed: ChangedClient;
  readonly client: SessionClient;
  readonly decide: DecideAnomaly;
}

function assertDecision(decision: unknown): asserts decision is AnomalyDecision {
  if (ANOMALY_DECISIONS.some((known) => known === decision)) return;
  throw new SessionArgumentError(`onAnomaly must answer ${ANOMALY_DECISIONS.map((known) => `'${known}'`).join(', ')}`);
}

/** @returns `undefined` when another request has stored these traits already. */
function withTraits(
  state: TokenState,
  { traits, isWaiting }: { traits: readonly Uint8Array[]; isWaiting: boolean },
): TokenState | undefined {
  if (state.awaitsReauthentication) return undefined;
  const known = state.clients?.traits ?? [];
  const isKnown = traits.every((trait) => known.some((one) => Buffer.compare(one, trait) === 0));
  if (isKnown) return undefined;
  return {
    ...state,
    clients: {
      traits: [...known, ...traits].slice(-MAX_CLIENT_TRAITS),
      decisionId: newDecisionId(),
    },
    ...(isWaiting && { awaitsReauthentication: true }),
  };
}

function newDecisionId(): Uint8Array {
  return new Uint8Array(randomBytes(DECISION_ID_BYTES));
}

/** As the session will be found by the next request; by this one even if the store did not take it. */
function withWaiting({ successor: _, ...live }: LiveToken): LiveToken {
  return { ...live, tokenState: { ...live.tokenState, awaitsReauthentication: true } };
}

function refused(reason: AbsenceReason): RefusedToken {
  return { live: false, reason };
}
