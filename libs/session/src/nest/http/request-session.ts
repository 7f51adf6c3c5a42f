import type { AuthenticationInput } from '../../core/authentication/session-authentication.js';
import { parseDuration, type Duration } from '../../core/session/duration.js';
import { addConfirmation, assertAction } from '../../core/authentication/confirmations.js';
import { isUnavailable, SessionArgumentError } from '../../core/session/session-errors.js';
import type { CreatedSession, CreateSession } from '../../core/service/session-creator.js';
import type { RotatedSession } from '../../core/service/session-service.interface.js';
import { assertUserId } from '../../core/session/session-id.js';
import { awaitsProof, hasUser, isDoubted, type Session, type UserSession } from '../../core/session/session.js';
import { toSession } from '../../core/service/to-session.js';
import { isCsrfTokenOf, mintCsrfToken } from '../cross-site/csrf-token.js';
import { findClearSiteDataProblem } from '../options/clear-site-data.js';
import { assertAnswerable } from './assert-answerable.js';
import type { HttpExchange } from '../request/http-exchange.js';
import type { HttpSession, SignIn, SignOut, StartSession } from './http-session.interface.js';
import { RequestClient } from '../request/request-client.js';
import type { RequestSessionParts } from './request-session-parts.interface.js';
import type { SessionTransport, SessionTransportName } from '../transport/session-transport.interface.js';
import { chooseTransport, type OpenedTransports } from '../transport/session-transports.js';
import { tellOfAmbiguity } from './tell-of-ambiguity.js';

/** `HttpSession` for one exchange. Its fields are private to the engine, so that logging it shows no token. */
export class RequestSession implements HttpSession {
  readonly #parts: RequestSessionParts;
  readonly #exchange: HttpExchange;
  readonly #client: RequestClient;
  readonly #touch: boolean;
  readonly #transports: OpenedTransports;
  /** By which way the next token goes out. */
  #current: SessionTransport;
  /** The tokens of a request that contradicts itself: none of them is believed. */
  #rivals: readonly string[];
  #token: string | undefined;
  /** What the request came with, once a periodic rotation has put `#token` in its place: its forms were made for it. */
  #predecessor: string | undefined;
  #session: Promise<Session | undefined> | undefined;

  constructor(parts: RequestSessionParts, { exchange, touch }: { exchange: HttpExchange; touch: boolean }) {
    const opened = parts.transports.open(exchange);
    const { carried, cookie, bearer } = opened;
    this.#parts = parts;
    this.#exchange = exchange;
    this.#client = new RequestClient(exchange);
    this.#touch = touch;
    this.#transports = opened;
    this.#current = carried.transport === 'bearer' && bearer ? bearer : cookie;
    this.#rivals = carried.rivals;
    this.#token = carried.token;
  }

  get transport(): SessionTransportName | undefined {
    return this.#transports.carried.transport;
  }

  async current(): Promise<Session | undefined> {
    const session = await this.#find();
    return session && awaitsProof(session) ? undefined : session;
  }

  async pending(): Promise<UserSession | undefined> {
    const session = await this.#find();
    return session?.awaitsSecondFactor && hasUser(session) ? session : undefined;
  }

  async doubted(): Promise<UserSession | undefined> {
    const session = await this.#find();
    return session && isDoubted(session) && hasUser(session) ? session : undefined;
  }

  async signIn({ transport, ...input }: SignIn): Promise<Session> {
    assertUserId(input.userId);
    return this.#create(input, chooseTransport(this.#transports, transport));
  }

  async start({ data, transport }: StartSession = {}): Promise<Session> {
    return this.#create({ userId: null, data }, chooseTransport(this.#transports, transport));
  }

  takeBearerToken(): string | undefined {
    return this.#transports.bearer?.take();
  }

  reauthenticate(input: AuthenticationInput & { readonly amr: readonly string[] }): Promise<Session | undefined> {
    return this.#renew((token) => this.#parts.service.reauthenticate(token, input, { client: this.#client }), {
      isProof: true,
    });
  }

  async confirm(action: string, { validFor = '5m' }: { validFor?: Duration } = {}): Promise<boolean> {
    assertAction(action);
    const validForMs = parseDuration(validFor, 'validFor');
    const session = await this.current();
    if (!session) return false;
    const confirmation = { action, now: session.checkedAt, validForMs };
    const updated = await this.#parts.service.update(session, (data) => addConfirmation(data, confirmation));
    return updated !== undefined;
  }

  async credentialsChanged(authentication?: AuthenticationInput) {
    const { service } = this.#parts;
    const endedBy = (await this.current())?.userId ?? undefined;
    let ended = 0;
    const session = await this.#renew(
      async (token) => {
        const changed = await service.credentialsChanged(token, { authentication, endedBy, client: this.#client });
        ended = changed.ended.length;
        // The token was replaced before this looked at it, by whomever: whose it was is known from the request.
        if (!changed.rotated && changed.reason === 'absent' && endedBy !== undefined) {
          ended += (await service.revokeAll(endedBy, { reason: 'credential-change', endedBy })).length;
        }
        return changed;
      },
      { isProof: authentication !== undefined },
    );
    return { session, ended };
  }

  rotate(): Promise<Session | undefined> {
    return this.#renew((token) => this.#parts.service.rotate(token), { isProof: false });
  }

  async signOut({ clearSiteData }: SignOut = {}): Promise<boolean> {
    const problem = clearSiteData && findClearSiteDataProblem(clearSiteData);
    if (problem !== undefined) throw new SessionArgumentError(`clearSiteData ${problem}`);
    try {
      const session = await this.#findToEnd();
      let isEnded = session !== undefined && (await this.#endByLogout(session));
      // Of two tokens it cannot be told which one is the visitor's, but whoever holds a token may end its session.
      for (const token of this.#rivals) {
        const rival = await this.#findByToken(token);
        if (rival) isEnded = (await this.#endByLogout(rival)) || isEnded;
      }
      return isEnded;
    } finally {
      this.#forget(clearSiteData);
    }
  }

  async revoke(id: string): Promise<boolean> {
    const session = await this.current();
    if (!session) return false;
    const isCurrent = id === session.id;
    if (session.userId === null && !isCurrent) return false;
    const { userId } = session;
    const owner = userId === null ? {} : { userId, endedBy: userId };
    const revoked = await this.#parts.service.revoke(id, owner);
    if (isCurrent) this.#forget();
    return revoked;
  }

  async revokeOthers(): Promise<number> {
    const session = await this.current();
    if (!session || session.userId === null) return 0;
    const ended = await this.#parts.service.revokeOthers(session, { endedBy: session.userId });
    return ended.length;
  }

  async csrfToken(): Promise<string | undefined> {
    const session = await this.#find();
    if (!session || this.#token === undefined) return undefined;
    if (!this.#exchange.isAnswered) this.#exchange.setHeader('cache-control', 'no-store');
    return mintCsrfToken(this.#token);
  }

  isCsrfToken(given: unknown): boolean {
    return [this.#token, this.#predecessor].some((token) => token !== undefined && isCsrfTokenOf(token, given));
  }

  #endByLogout({ id, userId }: Session): Promise<boolean> {
    return this.#parts.service.revoke(id, { reason: 'logout', endedBy: userId ?? undefined });
  }

  #find(): Promise<Session | undefined> {
    return (this.#session ??= this.#authenticate());
  }

  /** An application that cannot judge a client keeps nobody from signing out. */
  async #findToEnd(): Promise<Session | undefined> {
    try {
      return await this.#find();
    } catch (error) {
      if (isUnavailable(error)) throw error;
      return this.#findByToken(this.#token);
    }
  }

  async #findByToken(token: string | undefined): Promise<Session | undefined> {
    const checked = await this.#parts.service.authenticate(token, { touch: false, rotate: false });
    return checked.outcome === 'absent' ? undefined : checked.session;
  }

  async #authenticate(): Promise<Session | undefined> {
    const { service, logger } = this.#parts;
    const { contradiction } = this.#transports.carried;
    if (this.#token === undefined && contradiction !== undefined) {
      tellOfAmbiguity(this.#parts, { contradiction, client: this.#client });
      this.#transports.cookie.withdrawPlanted();
      return undefined;
    }
    if (this.#parts.comparesClients && this.#token !== undefined) this.#client.assertComparable();
    const checked = await service.authenticate(this.#token, {
      touch: this.#touch,
      rotate: this.#canDeliver(),
      client: this.#client,
    });
    if (checked.outcome !== 'absent') {
      if (checked.token !== undefined) this.#deliver(checked.session, checked.token);
      return checked.session;
    }
    logger.debug(`a request has no live session: ${checked.reason}`);
    return undefined;
  }

  /** Whether this response can still take a new token to its client; a bearer token only a handler can hand over. */
  #canDeliver(): boolean {
    return this.#current.name === 'cookie' && !this.#exchange.isAnswered && !this.#exchange.isAbandoned;
  }

  /** Hands over the successor of a token that still works, so an answer that left meanwhile does no harm. */
  #deliver(session: Session, token: string): void {
    if (!this.#canDeliver()) return;
    this.#predecessor = this.#token;
    this.#token = token;
    this.#current.deliver({ session, token });
  }

  async #create(input: CreateSession, transport: SessionTransport): Promise<Session> {
    assertAnswerable(this.#exchange);
    let isStored = false;
    const isStillAllowed = () => {
      isStored = true;
      return input.isStillAllowed?.() ?? true;
    };
    const created = await this.#parts.service
      .create({
        ...input,
        ...(input.isStillAllowed && { isStillAllowed }),
        ipAddress: this.#client.ipAddress,
        userAgent: this.#client.userAgent,
        replacesToken: this.#token,
      })
      .catch((error: unknown) => {
        // What the cookie held has ended in favour of the one that was not let in, for whatever reason.
        if (isStored && this.#holdsToken) this.#forget();
        throw error;
      });
    if (this.#exchange.isAnswered || this.#exchange.isAbandoned) {
      // The token never left, so nobody could use the session: it must not count against the user's limit either.
      await this.#parts.service.revoke(created.session.id);
      assertAnswerable(this.#exchange);
    }
    // What the client sent until now is dead; together with the new token it would be a contradiction.
    if (transport !== this.#current && this.#holdsToken) this.#current.withdraw([]);
    this.#current = transport;
    return this.#adopt(created);
  }

  async #renew(
    replaceToken: (token: string) => Promise<RotatedSession>,
    { isProof }: { isProof: boolean },
  ): Promise<Session | undefined> {
    assertAnswerable(this.#exchange);
    const session = await this.#find();
    if (!session || this.#token === undefined) return undefined;
    assertAnswerable(this.#exchange);
    const renewed = await replaceToken(this.#token);
    if (renewed.rotated) return this.#adopt(renewed);
    if (renewed.reason === 'absent') return this.#hold(undefined);
    const found = await this.#parts.store.find(session.id);
    const latest = found.live ? toSession(found) : undefined;
    // What another request proved meanwhile was not proved by this one, whose token is dead now.
    const isProvenByOther = !isProof && latest !== undefined && awaitsProof(session) && !awaitsProof(latest);
    return this.#hold(isProvenByOther ? undefined : latest);
  }

  #adopt(created: CreatedSession): Promise<Session> {
    this.#token = created.token;
    this.#rivals = [];
    this.#current.deliver(created);
    return this.#hold(created.session);
  }

  get #holdsToken(): boolean {
    return this.#token !== undefined || this.#rivals.length > 0;
  }

  #hold<T extends Session | undefined>(session: T): Promise<T> {
    const held = Promise.resolve(session);
    this.#predecessor = undefined;
    this.#session = held;
    return held;
  }

  #forget(clearSiteData?: SignOut['clearSiteData']): void {
    this.#token = undefined;
    this.#rivals = [];
    void this.#hold(undefined);
    this.#current.withdraw(clearSiteData);
  }
}
