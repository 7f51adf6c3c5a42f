import type { SessionClient } from '../../core/client/client-details.js';
import { SessionClientGoneError, type HttpExchange } from './http-exchange.js';

/** Who sent a request, as it was when its session was first asked for: a closed connection tells no address any more. */
export class RequestClient implements SessionClient {
  readonly ipAddress: string | null;
  readonly userAgent: string | null;

  constructor(private readonly exchange: HttpExchange) {
    this.ipAddress = exchange.ipAddress;
    this.userAgent = exchange.userAgent;
  }

  /**
   * @throws {SessionClientGoneError} It hung up before its address was read. To pass for a client whose address is not
   *   known, and is therefore not compared, it would be enough to hang up on purpose.
   */
  assertComparable(): void {
    if (this.ipAddress !== null || !this.exchange.isAbandoned) return;
    throw new SessionClientGoneError(
      'the client closed the connection, so nobody can tell where the request came from',
    );
  }
}
