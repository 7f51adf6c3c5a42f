import type { CreatedSession } from '../../core/service/session-service.js';
import type { Session } from '../../core/session/session.js';
import { SessionArgumentError } from '../../core/session/session-errors.js';
import type { ClearSiteData } from '../options/session-module-options.interface.js';
import type { BearerTransport } from './bearer-transport.js';
import type { CookieTransport } from './cookie-transport.js';
import type { CarriedTokens, SessionTransport, SessionTransportName } from './session-transport.interface.js';

export interface OpenedTransports {
  readonly carried: CarriedTokens;
  readonly cookie: CookieTransport;
  /** `undefined` when the module's options leave bearer tokens off. */
  readonly bearer: BearerTransport | undefined;
}

/**
 * The token of one request: first the one that it carried, later the one that its response sends. All fields are private to
 * the engine, so that logging them shows no token.
 */
export class RequestCredentials {
  readonly #opened: OpenedTransports;
  #transport: SessionTransport;
  #rejectedTokens: readonly string[];
  #token: string | undefined;
  /** The token that the request carried before a periodic rotation replaced it. Forms of the page were made for it. */
  #predecessor: string | undefined;

  constructor(opened: OpenedTransports) {
    const { carried, cookie, bearer } = opened;
    this.#opened = opened;
    this.#transport = carried.transport === 'bearer' && bearer ? bearer : cookie;
    this.#rejectedTokens = carried.rejectedTokens;
    this.#token = carried.token;
  }

  /** The way the request carried its tokens, accepted or not. */
  get carriedBy(): SessionTransportName | undefined {
    return this.#opened.carried.transport;
  }

  /** The reason why all tokens of the request are rejected, until there is a new one. */
  get contradiction(): CarriedTokens['contradiction'] {
    return this.#token === undefined ? this.#opened.carried.contradiction : undefined;
  }

  get token(): string | undefined {
    return this.#token;
  }

  get rejectedTokens(): readonly string[] {
    return this.#rejectedTokens;
  }

  /** Whether the client holds a token, accepted or not. */
  get isHeld(): boolean {
    return this.#token !== undefined || this.#rejectedTokens.length > 0;
  }

  /** Whether the response can carry a new token without the handler's help. A bearer token needs the handler. */
  get isSetByResponse(): boolean {
    return this.#transport.name === 'cookie';
  }

  /** Returns whether a token for which the page's forms may have been made passes the test. */
  some(isRight: (token: string) => boolean): boolean {
    return [this.#token, this.#predecessor].some((token) => token !== undefined && isRight(token));
  }

  /** @throws {SessionArgumentError} There is no transport of this name, or the options leave it off. */
  choose(name: SessionTransportName = 'cookie'): SessionTransport {
    const { cookie, bearer } = this.#opened;
    const chosen = [cookie, bearer].find((one) => one?.name === name);
    if (chosen) return chosen;
    throw new SessionArgumentError(
      name === 'bearer'
        ? "transport 'bearer' is off: turn it on by the option bearer of SessionModule"
        : "transport must be 'cookie' or 'bearer'",
    );
  }

  /** Sends the token of a session that was just created or renewed. */
  adopt(created: CreatedSession, transport: SessionTransport = this.#transport): void {
    // The client's old token is invalid. Together with the new one it would make the next request ambiguous.
    if (transport !== this.#transport && this.isHeld) this.#transport.withdraw([]);
    this.#transport = transport;
    this.#token = created.token;
    this.#rejectedTokens = [];
    this.#predecessor = undefined;
    transport.deliver(created);
  }

  /** Sends the successor of a token that still works for the rest of its grace. */
  succeed(session: Session, token: string): void {
    this.#predecessor = this.#token;
    this.#token = token;
    this.#transport.deliver({ session, token });
  }

  /** Forgets the token that a periodic rotation replaced, once the request has another session, or none. */
  forgetPredecessor(): void {
    this.#predecessor = undefined;
  }

  /** Removes the token from the client. */
  forget(clearSiteData?: readonly ClearSiteData[]): void {
    this.#token = undefined;
    this.#rejectedTokens = [];
    this.#predecessor = undefined;
    this.#transport.withdraw(clearSiteData);
  }

  withdrawPlanted(): void {
    this.#opened.cookie.withdrawPlanted();
  }

  /** Returns the new bearer token, once. */
  takeBearerToken(): string | undefined {
    return this.#opened.bearer?.take();
  }
}
