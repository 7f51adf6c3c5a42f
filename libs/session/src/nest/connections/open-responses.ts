import { Injectable, type ExecutionContext } from '@nestjs/common';
import type { Session } from '../../core/session/session.js';
import { closesWithSession } from '../access/session-metadata.js';
import type { HttpExchange } from '../request/http-exchange.js';
import { OpenConnections } from './open-connections.js';

/** Node's response, or HTTP/2's compatible one. */
interface RawResponse {
  readonly socket?: { destroy(): unknown } | null;
  /** HTTP/2: this exchange only, while others go on through the same socket. */
  readonly stream?: { close?(code: number): void };
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

const HTTP2_CANCEL = 8;

/** Closes responses that are still being sent when their session ends: server-sent events, and others on request. */
@Injectable()
export class OpenResponses {
  constructor(private readonly connections: OpenConnections) {}

  /** Ties the response to the session, if its handler is of such a kind. */
  hold(context: ExecutionContext, { session, exchange }: { session: Session; exchange: HttpExchange }): void {
    if (context.getType() !== 'http' || !closesWithSession(context)) return;
    const { response } = exchange;
    if (!response) return;
    const raw = ('raw' in response ? response.raw : response) as unknown as RawResponse;
    // Nobody would tell of a client that left before its session was found.
    if (raw.destroyed) return;
    const release = this.connections.add({ session, close: () => cut(raw) });
    raw.once('close', release);
  }
}

/** Not ended in good order, which would wait for a client that reads slowly to take all that was written. */
function cut({ stream, socket }: RawResponse): void {
  if (stream?.close) stream.close(HTTP2_CANCEL);
  else socket?.destroy();
}
