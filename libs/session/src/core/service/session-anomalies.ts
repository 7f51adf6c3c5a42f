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

/** An attempt is lost when another request wrote to the session's token state. */
const MAX_ATTEMPTS = 8;
const MAX_REMEMBERED = 10_000;

/** A session that a new kind of client uses. */
export interface SessionAnomaly {
  /** Its `ipAddress` and `userAgent` are those of the client that it began with. */
  readonly session: UserSession;
  readonly changes: readonly ClientChange[];
  /** The client that uses it now. The address is in the form that `ipAddresses` keeps. */
  readonly client: { readonly ipAddress: string | null; readonly userAgent: string | null };
}

/**
 * Decides about an anomaly. It may be asynchronous.
 *
 * @example
 * onAnomaly: ({ changes }) => (changes.includes('user-agent') ? 'step-up' : 'notify')
 *
 * TypeScript infers `string` for an async function with a single answer: write `'step-up' as const` there.
 */
export type DecideAnomaly = (anomaly: SessionAnomaly) => AnomalyDecision | Promise<AnomalyDecision>;

export interface SessionAnomaliesParts {
  readonly store: SessionStore;
  readonly authenticator: SessionAuthenticator;
  readonly events: SessionEvents;
  readonly logger: SessionLogger;
  readonly toStoredIpAddress: IpAddressForm;
  /** Default none: clients are not compared. */
  readonly decide?: DecideAnomaly;
}

type LiveOfUser = LiveToken & { readonly record: { readonly userId: string } };

/** The verdict on a request. `gone`: the session changed while the application decided. */
type Verdict = AnomalyDecision | 'gone';

/**
 * Asks the application about a session that another client uses (ASVS 8.2.4), once for each such client. The decision is
 * stored beside the token hash and so holds on every instance. Anonymous sessions are not examined.
 *
 * Parallel requests of one client with one token ask once in a process. When the store does not take the decision, it holds
 * for this request alone.
 */
export class SessionAnomalies {
  private readonly underWay = new Map<string, Promise<Verdict>>();
  /** Decisions already reported as not stored. */
  private readonly unstored = new RecentKeys(MAX_REMEMBERED);

  constructor(private readonly parts: SessionAnomaliesParts) {}

  /** Whether there is a function to ask. Without one, `examine` changes nothing. */
  get isAsked(): boolean {
    return this.parts.decide !== undefined;
  }

  /** @throws The error of the application's function. The request fails, and nothing is decided. */
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

  /** Returns the state of a session that knows only this client besides its first one. */
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
    // By token: another token that was valid when the answer was stored proves nothing about this one.
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
    const emit = (isStored: boolean) => {
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
          ? await this.revoke(live, { token, emit })
          : await this.remember(live, { token, changed, decision });
      if (outcome === 'stored' && decision !== 'revoke') emit(true);
      return outcome === 'stored' ? decision : 'gone';
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      this.parts.logger.warn(
        `session ${live.record.id} is used by another client, and the decision "${decision}" may not be stored: ${error.message}`,
      );
      // `notify` too: if only the store's answer was lost, this client is never asked about again.
      if (this.unstored.add(`${decision} ${clientKey(live, changed)}`)) emit(false);
      return decision;
    }
  }

  private async revoke(
    { record: { id } }: LiveToken,
    { token, emit }: { token: string; emit: (isStored: boolean) => void },
  ): Promise<'stored' | 'gone'> {
    const { store, events, authenticator } = this.parts;
    // A reauthentication while the application decided has made this token invalid already.
    if (!(await authenticator.check(token)).live) return 'gone';
    const ended = await store.revoke({ id, reason: 'anomaly', endedBy: null });
    if (!ended) return 'gone';
    emit(true);
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
      // After a reauthentication meanwhile the token is dead: an older request must not demand another one.
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
  throw new SessionArgumentError(`onAnomaly must return ${ANOMALY_DECISIONS.map((known) => `'${known}'`).join(', ')}`);
}

/** Returns `undefined` when another request has stored these traits already. */
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

/** The session as the next request will find it, and as this one does even if the store did not take the decision. */
function withWaiting({ successor: _, ...live }: LiveToken): LiveToken {
  return { ...live, tokenState: { ...live.tokenState, awaitsReauthentication: true } };
}

function refused(reason: AbsenceReason): RefusedToken {
  return { live: false, reason };
}
