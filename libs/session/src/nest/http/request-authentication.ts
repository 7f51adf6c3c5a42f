import type { Logger } from '@nestjs/common';
import { normalizeUserAgent } from '../../core/client/client-details.js';
import type { IpAddressForm } from '../../core/client/ip-address-form.js';
import type { AmbiguousCredentials } from '../../core/events/security-events.js';
import type { CreatedSession, SessionService } from '../../core/service/session-service.js';
import { isUnavailable } from '../../core/session/session-errors.js';
import type { Session } from '../../core/session/session.js';
import type { HttpExchange } from '../request/http-exchange.js';
import { RequestClient } from '../request/request-client.js';
import type { RequestCredentials } from '../transport/request-credentials.js';
import type { SessionTransport } from '../transport/session-transport.interface.js';
import type { SessionTransports } from '../transport/session-transports.js';

export interface RequestSessionParts {
  readonly service: SessionService;
  readonly transports: SessionTransports;
  readonly logger: Logger;
  readonly toStoredIpAddress: IpAddressForm;
  /** Whether `onAnomaly` compares clients. */
  readonly comparesClients: boolean;
}

/** The credentials of one request and the live session that they name, looked up once. */
export class RequestAuthentication {
  readonly exchange: HttpExchange;
  readonly client: RequestClient;
  readonly credentials: RequestCredentials;
  readonly #parts: RequestSessionParts;
  readonly #touch: boolean;
  #session: Promise<Session | undefined> | undefined;

  constructor(parts: RequestSessionParts, { exchange, touch }: { exchange: HttpExchange; touch: boolean }) {
    this.exchange = exchange;
    this.client = new RequestClient(exchange);
    this.credentials = parts.transports.open(exchange);
    this.#parts = parts;
    this.#touch = touch;
  }

  /** Finds the live session of the request, even one that awaits another proof. One store call per request. */
  findLive(): Promise<Session | undefined> {
    return (this.#session ??= this.#authenticate());
  }

  /** Finds the session to end at a sign-out. A failing `onAnomaly` must not prevent signing out. */
  async findToEnd(): Promise<Session | undefined> {
    try {
      return await this.findLive();
    } catch (error) {
      if (isUnavailable(error)) throw error;
      return this.findByToken(this.credentials.token);
    }
  }

  async findByToken(token: string | undefined): Promise<Session | undefined> {
    const checked = await this.#parts.service.authenticate(token, { touch: false, rotate: false });
    return checked.outcome === 'absent' ? undefined : checked.session;
  }

  /** Sends the new token to the client. From now on the request has this session. */
  adopt(created: CreatedSession, transport?: SessionTransport): Promise<Session> {
    this.credentials.adopt(created, transport);
    return this.hold(created.session);
  }

  /** From now on the request has this session, or none. */
  hold<T extends Session | undefined>(session: T): Promise<T> {
    const held = Promise.resolve(session);
    this.credentials.forgetPredecessor();
    this.#session = held;
    return held;
  }

  async #authenticate(): Promise<Session | undefined> {
    const { service, logger, comparesClients } = this.#parts;
    const { token, contradiction } = this.credentials;
    if (contradiction !== undefined) {
      this.#reportAmbiguousCredentials(contradiction);
      this.credentials.withdrawPlanted();
      return undefined;
    }
    if (comparesClients && token !== undefined) this.client.assertComparable();
    const rotate = this.#canDeliver();
    const checked = await service.authenticate(token, { touch: this.#touch, rotate, client: this.client });
    if (checked.outcome !== 'absent') {
      // The presented token still works for a while, so a response that was sent meanwhile does no harm.
      if (checked.token !== undefined && this.#canDeliver()) this.credentials.succeed(checked.session, checked.token);
      return checked.session;
    }
    logger.debug(`a request has no live session: ${checked.reason}`);
    return undefined;
  }

  /** Whether this response can still carry a new token. A bearer token needs the handler for that. */
  #canDeliver(): boolean {
    return this.credentials.isSetByResponse && !this.exchange.isAnswered && !this.exchange.isAbandoned;
  }

  #reportAmbiguousCredentials(contradiction: AmbiguousCredentials['contradiction']): void {
    const { service, logger, toStoredIpAddress } = this.#parts;
    logger.warn(`ambiguous: a request carried ${contradiction} and counts as signed out`);
    service.events.emit('cookie-ambiguous', {
      at: new Date(),
      contradiction,
      ipAddress: toStoredIpAddress(this.client.ipAddress),
      userAgent: normalizeUserAgent(this.client.userAgent),
    });
  }
}
