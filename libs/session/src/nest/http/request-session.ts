import type { Logger } from '@nestjs/common';
import type { AuthenticationInput } from '../../core/session-authentication.js';
import { SessionArgumentError } from '../../core/session-errors.js';
import type { CreatedSession, CreateSession, RotatedSession, SessionService } from '../../core/session-service.js';
import type { SessionStore } from '../../core/session-store.js';
import { assertUserId } from '../../core/session-id.js';
import { toSession, type Session } from '../../core/session.js';
import { isCsrfTokenOf, mintCsrfToken } from '../csrf/csrf-token.js';
import { SessionClientGoneError } from './client-gone.error.js';
import type { HttpExchange } from './http-exchange.js';
import type { HttpSession, SignIn } from './http-session.interface.js';
import type { SessionCookies } from './session-cookies.js';

export interface RequestSessionParts {
  readonly service: SessionService;
  readonly store: SessionStore;
  readonly cookies: SessionCookies;
  readonly logger: Logger;
}

/** `HttpSession` for one exchange. Its fields are private to the engine, so that logging it shows no token. */
export class RequestSession implements HttpSession {
  readonly #parts: RequestSessionParts;
  readonly #exchange: HttpExchange;
  readonly #touch: boolean;
  /** The values of an ambiguous cookie: none of them is believed. */
  #rivals: readonly string[];
  #token: string | undefined;
  #session: Promise<Session | undefined> | undefined;

  constructor(parts: RequestSessionParts, { exchange, touch }: { exchange: HttpExchange; touch: boolean }) {
    const cookie = parts.cookies.read(exchange);
    this.#parts = parts;
    this.#exchange = exchange;
    this.#touch = touch;
    this.#rivals = cookie.found === 'ambiguous' ? cookie.values : [];
    this.#token = cookie.found === 'one' ? cookie.value : undefined;
  }

  async current(): Promise<Session | undefined> {
    const session = await this.#find();
    return session?.awaitsSecondFactor ? undefined : session;
  }

  async pending(): Promise<Session | undefined> {
    const session = await this.#find();
    return session?.awaitsSecondFactor ? session : undefined;
  }

  async signIn(input: SignIn): Promise<Session> {
    assertUserId(input.userId);
    return this.#create(input);
  }

  start({ data }: { data?: CreateSession['data'] } = {}): Promise<Session> {
    return this.#create({ userId: null, data });
  }

  reauthenticate(input: AuthenticationInput & { readonly amr: readonly string[] }): Promise<Session | undefined> {
    return this.#renew((token) => this.#parts.service.reauthenticate(token, input));
  }

  async credentialsChanged(authentication?: AuthenticationInput) {
    const { service } = this.#parts;
    const endedBy = (await this.current())?.userId ?? undefined;
    let ended = 0;
    const session = await this.#renew(async (token) => {
      const changed = await service.credentialsChanged(token, { authentication, endedBy });
      ended = changed.ended.length;
      return changed;
    });
    return { session, ended };
  }

  rotate(): Promise<Session | undefined> {
    return this.#renew((token) => this.#parts.service.rotate(token));
  }

  async signOut(): Promise<boolean> {
    try {
      const session = await this.#find();
      let isEnded = session !== undefined && (await this.#endByLogout(session));
      // Of two cookies it cannot be told which one is the visitor's, but whoever holds a token may end its session.
      for (const token of this.#rivals) {
        const checked = await this.#parts.service.authenticate(token, { touch: false, rotate: false });
        if (checked.outcome !== 'absent') isEnded = (await this.#endByLogout(checked.session)) || isEnded;
      }
      return isEnded;
    } finally {
      this.#forget();
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
    const session = await this.current();
    if (!session || this.#token === undefined) return undefined;
    if (!this.#exchange.isAnswered) this.#exchange.setHeader('cache-control', 'no-store');
    return mintCsrfToken(this.#token);
  }

  isCsrfToken(given: unknown): boolean {
    return this.#token !== undefined && isCsrfTokenOf(this.#token, given);
  }

  #endByLogout({ id, userId }: Session): Promise<boolean> {
    return this.#parts.service.revoke(id, { reason: 'logout', endedBy: userId ?? undefined });
  }

  #find(): Promise<Session | undefined> {
    return (this.#session ??= this.#authenticate());
  }

  async #authenticate(): Promise<Session | undefined> {
    const { service, cookies, logger } = this.#parts;
    if (this.#rivals.length > 0) {
      logger.warn(`ambiguous: a request carried two different "${cookies.name}" cookies and counts as signed out`);
      if (!this.#exchange.isAnswered) cookies.clearHostOnly(this.#exchange);
      return undefined;
    }
    const checked = await service.authenticate(this.#token, { touch: this.#touch, rotate: this.#canDeliver() });
    if (checked.outcome !== 'absent') {
      if (checked.token !== undefined) this.#deliver(checked.session, checked.token);
      return checked.session;
    }
    logger.debug(`a request has no live session: ${checked.reason}`);
    return undefined;
  }

  /** Whether this response can still take a new token to its client. */
  #canDeliver(): boolean {
    return !this.#exchange.isAnswered && !this.#exchange.isAbandoned;
  }

  /** Hands over the successor of a token that still works, so an answer that left meanwhile does no harm. */
  #deliver(session: Session, token: string): void {
    if (!this.#canDeliver()) return;
    this.#token = token;
    this.#parts.cookies.set(this.#exchange, { token, session });
  }

  async #create(input: CreateSession): Promise<Session> {
    this.#assertUnanswered();
    const created = await this.#parts.service.create({
      ...input,
      ipAddress: this.#exchange.ipAddress,
      userAgent: this.#exchange.userAgent,
      replacesToken: this.#token,
    });
    if (this.#exchange.isAnswered || this.#exchange.isAbandoned) {
      // The token never left, so nobody could use the session: it must not count against the user's limit either.
      await this.#parts.service.revoke(created.session.id);
      this.#assertUnanswered();
    }
    return this.#adopt(created);
  }

  async #renew(replaceToken: (token: string) => Promise<RotatedSession>): Promise<Session | undefined> {
    this.#assertUnanswered();
    const session = await this.#find();
    if (!session || this.#token === undefined) return undefined;
    this.#assertUnanswered();
    const renewed = await replaceToken(this.#token);
    if (renewed.rotated) return this.#adopt(renewed);
    if (renewed.reason === 'absent') return this.#hold(undefined);
    const found = await this.#parts.store.find(session.id);
    return this.#hold(found.live ? toSession(found) : undefined);
  }

  #adopt({ session, token }: CreatedSession): Promise<Session> {
    this.#token = token;
    if (this.#rivals.length > 0) this.#parts.cookies.clearHostOnly(this.#exchange);
    this.#rivals = [];
    this.#parts.cookies.set(this.#exchange, { token, session });
    return this.#hold(session);
  }

  #hold<T extends Session | undefined>(session: T): Promise<T> {
    const held = Promise.resolve(session);
    this.#session = held;
    return held;
  }

  #forget(): void {
    this.#token = undefined;
    this.#rivals = [];
    void this.#hold(undefined);
    if (this.#exchange.isAnswered) {
      this.#parts.logger.warn(
        'a session ended after its response was sent: the dead cookie stays until it is replaced',
      );
      return;
    }
    this.#parts.cookies.clear(this.#exchange);
  }

  #assertUnanswered(): void {
    if (this.#exchange.isAbandoned) {
      throw new SessionClientGoneError('the client closed the connection, so it would not get its new session cookie');
    }
    if (!this.#exchange.isAnswered) return;
    throw new SessionArgumentError(
      'the response has been sent, so its session cookie cannot be set: await HttpSession before answering',
    );
  }
}
