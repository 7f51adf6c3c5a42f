import { Injectable, type ExecutionContext } from '@nestjs/common';
import type { Session } from '../../core/session/session.js';
import { closesWithSession } from '../access/session-metadata.js';
import type { HttpExchange } from '../request/http-exchange.js';
import { OpenConnections } from './open-connections.js';

/** Node's response, or the compatible one of HTTP/2. */
interface RawResponse {
  readonly socket?: { destroy(): unknown } | null;
  /** HTTP/2: only this exchange. Others continue on the same socket. */
  readonly stream?: { close?(code: number): void };
  readonly destroyed: boolean;
  once(event: 'close', listener: () => void): unknown;
}

const HTTP2_CANCEL = 8;

/** Cuts off responses that are still being sent when their session ends: server-sent events and `@CloseWithSession()`. */
@Injectable()
export class OpenResponses {
  constructor(private readonly connections: OpenConnections) {}

  /** Ties the response to the session if its handler asks for that. */
  hold(context: ExecutionContext, { session, exchange }: { session: Session; exchange: HttpExchange }): void {
    if (context.getType() !== 'http' || !closesWithSession(context)) return;
    const { response } = exchange;
    if (!response) return;
    const raw = ('raw' in response ? response.raw : response) as unknown as RawResponse;
    // A client that left before its session was found emits no event any more.
    if (raw.destroyed) return;
    const release = this.connections.add({ session, close: () => cut(raw) });
    raw.once('close', release);
  }
}

/** Destroys instead of ending: an orderly end would wait for a slow client to read everything. */
function cut({ stream, socket }: RawResponse): void {
  if (stream?.close) stream.close(HTTP2_CANCEL);
  else socket?.destroy();
}
