import type { AuthenticationInput } from '../../core/authentication/session-authentication.js';
import type { CreateSession } from '../../core/service/session-creator.js';
import type { RotatedSession } from '../../core/service/session-service.interface.js';
import type { SessionService } from '../../core/service/session-service.js';
import type { Duration } from '../../core/session/duration.js';
import { assertKnownFields } from '../../core/session/known-fields.js';
import { SessionArgumentError } from '../../core/session/session-errors.js';
import { assertUserId } from '../../core/session/session-id.js';
import { awaitsProof, hasUser, isDoubted, type Session, type UserSession } from '../../core/session/session.js';
import { isCsrfTokenOf, mintCsrfToken } from '../cross-site/csrf-token.js';
import { findClearSiteDataProblem } from '../options/clear-site-data.js';
import type { HttpExchange } from '../request/http-exchange.js';
import type { SessionTransport, SessionTransportName } from '../transport/session-transport.interface.js';
import type { HttpSession, OwnSession, SignIn, SignOut, StartSession } from './http-session.interface.js';
import { RequestAuthentication, type RequestSessionParts } from './request-authentication.js';

const AUTHENTICATION_FIELDS = Object.keys({
  amr: true,
  assuranceLevel: true,
  identityProvider: true,
} satisfies Record<keyof AuthenticationInput, true>);

const START_FIELDS = Object.keys({ data: true, transport: true } satisfies Record<keyof StartSession, true>);

const SIGN_IN_FIELDS = Object.keys({
  userId: true,
  amr: true,
  assuranceLevel: true,
  identityProvider: true,
  data: true,
  awaitsSecondFactor: true,
  isStillAllowed: true,
  device: true,
  carryOver: true,
  transport: true,
} satisfies Record<keyof SignIn, true>);

/** `HttpSession` for one request. Its fields are private to the engine, so that logging it shows no token. */
export class RequestSession implements HttpSession {
  readonly #service: SessionService;
  readonly #request: RequestAuthentication;

  constructor(parts: RequestSessionParts, settings: { exchange: HttpExchange; touch: boolean }) {
    this.#service = parts.service;
    this.#request = new RequestAuthentication(parts, settings);
  }

  get transport(): SessionTransportName | undefined {
    return this.#request.credentials.carriedBy;
  }

  /** Finds the live session of the request, even one that awaits another proof. */
  findLive(): Promise<Session | undefined> {
    return this.#request.findLive();
  }

  async current(): Promise<Session | undefined> {
    const session = await this.findLive();
    return session && awaitsProof(session) ? undefined : session;
  }

  async pending(): Promise<UserSession | undefined> {
    const session = await this.findLive();
    return session?.awaitsSecondFactor && hasUser(session) ? session : undefined;
  }

  async doubted(): Promise<UserSession | undefined> {
    const session = await this.findLive();
    return session && isDoubted(session) && hasUser(session) ? session : undefined;
  }

  async signIn(given: SignIn): Promise<Session> {
    assertKnownFields(given, SIGN_IN_FIELDS, 'signIn');
    const { transport, ...input } = given;
    assertUserId(input.userId);
    return this.#create(input, this.#request.credentials.choose(transport));
  }

  async start(given: StartSession = {}): Promise<Session> {
    assertKnownFields(given, START_FIELDS, 'start');
    const { data, transport } = given;
    return this.#create({ userId: null, data }, this.#request.credentials.choose(transport));
  }

  takeBearerToken(): string | undefined {
    return this.#request.credentials.takeBearerToken();
  }

  async reauthenticate(input: AuthenticationInput & { readonly amr: readonly string[] }): Promise<Session | undefined> {
    assertKnownFields(input, AUTHENTICATION_FIELDS, 'reauthenticate');
    return this.#renew((token) => this.#service.reauthenticate(token, input, { client: this.#request.client }), {
      isProof: true,
    });
  }

  async confirm(action: string, options: { validFor?: Duration } = {}): Promise<boolean> {
    assertKnownFields(options, ['validFor'], 'confirm');
    return this.#service.confirm(await this.current(), action, options);
  }

  async credentialsChanged(authentication?: AuthenticationInput) {
    if (authentication) assertKnownFields(authentication, AUTHENTICATION_FIELDS, 'credentialsChanged');
    const endedBy = (await this.current())?.userId ?? undefined;
    let ended = 0;
    const session = await this.#renew(
      async (token) => {
        const changed = await this.#service.credentialsChanged(token, {
          authentication,
          endedBy,
          client: this.#request.client,
        });
        ended = changed.ended.length;
        // Another request replaced the token first. The user is known from this request.
        if (!changed.rotated && changed.reason === 'absent' && endedBy !== undefined) {
          ended += (await this.#service.revokeAll(endedBy, { reason: 'credential-change', endedBy })).length;
        }
        return changed;
      },
      { isProof: authentication !== undefined },
    );
    return { session, ended };
  }

  rotate(): Promise<Session | undefined> {
    return this.#renew((token) => this.#service.rotate(token), { isProof: false });
  }

  async signOut(options: SignOut = {}): Promise<boolean> {
    assertKnownFields(options, ['clearSiteData'], 'signOut');
    const { clearSiteData } = options;
    const problem = clearSiteData && findClearSiteDataProblem(clearSiteData);
    if (problem !== undefined) throw new SessionArgumentError(`clearSiteData ${problem}`);
    try {
      const session = await this.#request.findToEnd();
      let isEnded = session !== undefined && (await this.#endByLogout(session));
      // It is unknown which of two tokens is the visitor's, but the holder of a token may end its session.
      for (const token of this.#request.credentials.rejectedTokens) {
        const other = await this.#request.findByToken(token);
        if (other) isEnded = (await this.#endByLogout(other)) || isEnded;
      }
      return isEnded;
    } finally {
      this.#forget(clearSiteData);
    }
  }

  async sessions(): Promise<OwnSession[]> {
    const session = await this.current();
    if (!session || session.userId === null) return [];
    const listed = await this.#service.listByUser(session.userId);
    return listed.map((one) => toOwnSession(one, one.id === session.id));
  }

  async revoke(id: string): Promise<boolean> {
    const session = await this.current();
    if (!session) return false;
    const isCurrent = id === session.id;
    if (session.userId === null && !isCurrent) return false;
    const { userId } = session;
    const owner = userId === null ? {} : { userId, endedBy: userId };
    const revoked = await this.#service.revoke(id, owner);
    if (isCurrent) this.#forget();
    return revoked;
  }

  async revokeOthers(): Promise<number> {
    const session = await this.current();
    if (!session || session.userId === null) return 0;
    const ended = await this.#service.revokeOthers(session, { endedBy: session.userId });
    return ended.length;
  }

  async revokeAll(): Promise<number> {
    const session = await this.current();
    if (!session || session.userId === null) return 0;
    const ended = await this.#service.revokeAll(session.userId, { endedBy: session.userId });
    this.#forget();
    return ended.length;
  }

  async csrfToken(): Promise<string | undefined> {
    const session = await this.findLive();
    const { token } = this.#request.credentials;
    if (!session || token === undefined) return undefined;
    if (!this.#request.exchange.isAnswered) this.#request.exchange.setHeader('cache-control', 'no-store');
    return mintCsrfToken(token);
  }

  isCsrfToken(given: unknown): boolean {
    return this.#request.credentials.some((token) => isCsrfTokenOf(token, given));
  }

  #endByLogout({ id, userId }: Session): Promise<boolean> {
    return this.#service.revoke(id, { reason: 'logout', endedBy: userId ?? undefined });
  }

  async #create(input: CreateSession, transport: SessionTransport): Promise<Session> {
    this.#request.exchange.assertAnswerable();
    let isStored = false;
    const isStillAllowed = () => {
      isStored = true;
      return input.isStillAllowed?.() ?? true;
    };
    const created = await this.#service
      .create({
        ...input,
        ...(input.isStillAllowed && { isStillAllowed }),
        ipAddress: this.#request.client.ipAddress,
        userAgent: this.#request.client.userAgent,
        replacesToken: this.#request.credentials.token,
      })
      .catch((error: unknown) => {
        // What the cookie held has ended in favour of the one that was not let in, for whatever reason.
        if (isStored && this.#request.credentials.isHeld) this.#forget();
        throw error;
      });
    if (this.#request.exchange.isAnswered || this.#request.exchange.isAbandoned) {
      // The token never left, so nobody could use the session: it must not count against the user's limit either.
      await this.#service.revoke(created.session.id);
      this.#request.exchange.assertAnswerable();
    }
    return this.#request.adopt(created, transport);
  }

  async #renew(
    replaceToken: (token: string) => Promise<RotatedSession>,
    { isProof }: { isProof: boolean },
  ): Promise<Session | undefined> {
    this.#request.exchange.assertAnswerable();
    const session = await this.findLive();
    const { token } = this.#request.credentials;
    if (!session || token === undefined) return undefined;
    this.#request.exchange.assertAnswerable();
    const renewed = await replaceToken(token);
    if (renewed.rotated) return this.#request.adopt(renewed);
    if (renewed.reason === 'absent') return this.#request.hold(undefined);
    const latest = await this.#service.recheck(session, { touch: false });
    // What another request proved meanwhile was not proved by this one, whose token is dead now.
    const isProvenByOther = !isProof && latest !== undefined && awaitsProof(session) && !awaitsProof(latest);
    return this.#request.hold(isProvenByOther ? undefined : latest);
  }

  #forget(clearSiteData?: SignOut['clearSiteData']): void {
    void this.#request.hold(undefined);
    this.#request.credentials.forget(clearSiteData);
  }
}

/** A copy by descriptors: a store may refuse `data` without refusing the session. */
function toOwnSession(session: Session, isCurrent: boolean): OwnSession {
  const properties = {
    ...Object.getOwnPropertyDescriptors(session),
    isCurrent: { value: isCurrent, enumerable: true },
  };
  return Object.freeze(Object.defineProperties({}, properties)) as OwnSession;
}
