import type { SessionClient } from '../../core/client/client-details.js';
import { SessionClientGoneError, type HttpExchange } from './http-exchange.js';

/** The sender of a request, read when its session is first needed: a closed connection has no address any more. */
export class RequestClient implements SessionClient {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;

  constructor(private readonly exchange: HttpExchange) {
    this.ipAddress = exchange.ipAddress;
    this.userAgent = exchange.userAgent;
  }

  /**
   * @throws {SessionClientGoneError} The client closed the connection before its address was read. Unknown addresses are
   *   not compared, so closing on purpose must not count as one.
   */
  assertComparable(): void {
    if (this.ipAddress !== null || !this.exchange.isAbandoned) return;
    throw new SessionClientGoneError('the client closed the connection, so the origin of the request is unknown');
  }
}
