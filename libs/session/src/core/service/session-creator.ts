import { normalizeDevice, normalizeUserAgent } from '../client/client-details.js';
import type { IpAddressForm } from '../client/ip-address-form.js';
import type { NewDevices } from '../events/new-devices.js';
import { toAuthentication, type AuthenticationInput } from '../authentication/session-authentication.js';
import type { LiveToken, SessionAuthenticator } from './session-authenticator.js';
import { assertStorableData, patchData, pickData, type SessionData } from '../session/session-data.js';
import { SessionLimitReachedError, SessionSignInRefusedError } from '../session/session-errors.js';
import type { SessionEvents } from '../events/session-events.js';
import { assertUserId, createSessionId } from '../session/session-id.js';
import type { SessionPolicy } from '../session/session-policy.js';
import type { EndedSession, SessionAuthentication, SessionRecord, LiveSession } from '../session/session-record.js';
import type { NewSession, SessionStore } from '../ports/session-store.js';
import type { SessionTokens } from '../token/session-token.js';
import type { Session } from '../session/session.js';
import { toSession } from './to-session.js';

const MAX_ID_ATTEMPTS = 8;

export interface CreateSession extends AuthenticationInput {
  /** `null` creates an anonymous session: for OAuth state, a CSRF secret, a cart. */
  readonly userId: string | null;
  readonly data?: Partial<SessionData>;
  /**
   * The user still has to prove a second factor, which `reauthenticate` reports. Until then `SessionGuard` refuses the
   * session except where a pending one is allowed, and it expires after `secondFactorTimeout`. Default `false`.
   */
  readonly awaitsSecondFactor?: boolean;
  /** The client's address. `ipAddresses` decides which form is stored. */
  readonly ipAddress?: string | null;
  readonly userAgent?: string | null;
  /** A label for the device, at most 100 characters. */
  readonly device?: string | null;
  /**
   * Called after the session was stored and before its token is returned. Anything but `true`, or an error, ends the session
   * again. Check the flag that disables an account: then no parallel sign-in survives disabling it and revoking its sessions
   * (ASVS 7.4.2). Default: not called.
   */
  readonly isStillAllowed?: () => boolean | Promise<boolean>;
  /** The token that this client held so far. Its session ends with reason `replaced`. */
  readonly replacesToken?: string;
  /**
   * Top-level keys of the replaced session's data to keep; `data` wins over them. From a session that awaits
   * reauthentication nothing is kept, except for its own user. Default none.
   */
  readonly carryOver?: readonly (keyof SessionData)[];
}

/** `token` is the only copy: hand it to the client. Never store or log it. */
export interface CreatedSession {
  readonly session: Session;
  readonly token: string;
}

export interface SessionCreatorParts {
  readonly store: SessionStore;
  readonly policy: SessionPolicy;
  readonly tokens: SessionTokens;
  readonly events: SessionEvents;
  readonly devices: NewDevices;
  readonly authenticator: SessionAuthenticator;
  readonly toStoredIpAddress: IpAddressForm;
}

/** Creates sessions. `SessionService.create` documents the rules. */
export class SessionCreator {
  constructor(private readonly parts: SessionCreatorParts) {}

  async create(input: CreateSession): Promise<CreatedSession> {
    if (input.userId !== null) assertUserId(input.userId);
    const replaced = await this.parts.authenticator.check(input.replacesToken);
    const carried =
      replaced.live && mayCarryOver(replaced, input) ? pickData(replaced.record.data, input.carryOver ?? []) : {};
    const data = patchData(carried, { set: input.data });
    assertStorableData(data, this.parts.policy.maxDataBytes);
    const authentication = toAuthentication(input, input.userId);
    for (let attempt = 1; attempt <= MAX_ID_ATTEMPTS; attempt++) {
      const id = createSessionId(input.userId);
      const { token, hash } = this.parts.tokens.mint(id);
      const session: NewSession = {
        id,
        userId: input.userId,
        tokenHash: hash,
        data,
        ...authentication,
        ipAddress: this.parts.toStoredIpAddress(input.ipAddress),
        userAgent: normalizeUserAgent(input.userAgent),
        device: normalizeDevice(input.device),
        ...this.timeoutsOf(authentication),
        limit: this.limitFor(input.userId),
        replaces: replaced.live ? replaced.record.id : undefined,
      };
      const outcome = await this.parts.store.create(session);
      if (outcome.created) {
        const { ended } = outcome;
        const created = this.announce(outcome, { token, ended, replaced: replaced.live ? replaced.record : undefined });
        if (input.isStillAllowed) await this.endUnlessAllowed(id, input.isStillAllowed);
        return created;
      }
      if (outcome.reason === 'limit') {
        this.emitLimitExceeded(session, { at: new Date(), outcome: 'rejected', id: null });
        throw new SessionLimitReachedError(String(input.userId), this.parts.policy.maxSessionsPerUser ?? 0);
      }
    }
    throw new Error(`no free session id in ${MAX_ID_ATTEMPTS} attempts: check the random generator and the clock`);
  }

  /** @throws {SessionSignInRefusedError} The sign-in is no longer allowed. */
  private async endUnlessAllowed(id: string, isStillAllowed: () => boolean | Promise<boolean>): Promise<void> {
    let isAllowed = false;
    try {
      const answer: unknown = await isStillAllowed();
      isAllowed = answer === true;
    } finally {
      if (!isAllowed) {
        const ended = await this.parts.store.revoke({ id, reason: 'revoked', endedBy: null });
        if (ended) this.parts.events.emit('ended', ended);
      }
    }
    if (!isAllowed) throw new SessionSignInRefusedError();
  }

  private announce(
    created: LiveSession,
    { token, ended, replaced }: { token: string; ended: readonly EndedSession[]; replaced?: SessionRecord },
  ): CreatedSession {
    const { events, devices } = this.parts;
    const session = toSession(created);
    if (replaced && replaced.userId === session.userId) devices.noteReplaced(session, replaced);
    events.emit('created', session);
    if (ended.some(({ endReason }) => endReason === 'evicted')) {
      this.emitLimitExceeded(session, { at: session.createdAt, outcome: 'evicted', id: session.id });
    }
    for (const one of ended) events.emit('ended', one);
    return { session, token };
  }

  private emitLimitExceeded(
    { userId, ipAddress, userAgent }: Pick<NewSession, 'userId' | 'ipAddress' | 'userAgent'>,
    what: { readonly at: Date; readonly outcome: 'evicted' | 'rejected'; readonly id: string | null },
  ): void {
    const max = this.parts.policy.maxSessionsPerUser;
    if (userId === null || max === undefined) return;
    this.parts.events.emit('limit-exceeded', { ...what, userId, max, ipAddress, userAgent });
  }

  private timeoutsOf({ awaitsSecondFactor }: SessionAuthentication) {
    const { idleTimeoutMs, absoluteTimeoutMs, secondFactorTimeoutMs } = this.parts.policy;
    if (!awaitsSecondFactor) return { idleTimeoutMs, absoluteTimeoutMs };
    return { idleTimeoutMs, absoluteTimeoutMs: Math.min(absoluteTimeoutMs, secondFactorTimeoutMs) };
  }

  private limitFor(userId: string | null) {
    const { maxSessionsPerUser: max, onLimit } = this.parts.policy;
    return max === undefined || userId === null ? undefined : { max, onLimit };
  }
}

/** The holder of a doubted session's token may not be its user, and must not take the data into another account. */
function mayCarryOver({ record, tokenState }: LiveToken, { userId }: CreateSession): boolean {
  return !tokenState.awaitsReauthentication || record.userId === userId;
}
