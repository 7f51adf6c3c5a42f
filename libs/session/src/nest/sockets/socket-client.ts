import type { HandshakeHeaders } from './handshake-origin.js';

/** The `exception` that a refused client receives. */
export interface Refusal {
  readonly statusCode: number;
  readonly error: string;
  readonly message: string;
}

/** A connected client, with the same members for socket.io and ws. */
export interface SocketClient {
  readonly headers: HandshakeHeaders;
  /** Sends the reason to the client and closes it. Idempotent. */
  refuse(refusal: Refusal): void;
  onceClosed(listener: () => void): void;
}

interface SocketIoClient {
  readonly handshake: { readonly headers: HandshakeHeaders };
  emit(event: string, payload: object): unknown;
  disconnect(close: boolean): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
}

interface WsClient {
  readonly readyState: number;
  send(text: string): void;
  close(code: number, reason: string): void;
  terminate(): void;
  once(event: 'close', listener: () => void): unknown;
}

/** Close codes of WebSockets. 4000 to 4999 belong to applications (RFC 6455 7.4.2); these follow HTTP. */
const CLOSE_CODES: Readonly<Record<number, number>> = { 401: 4401, 403: 4403, 503: 1013 };
const INTERNAL_ERROR = 1011;
const OPEN = 1;
/** Time for a client to answer the closing handshake before its connection is destroyed. */
const CLOSE_TIMEOUT_MS = 500;

/**
 * Wraps a client of socket.io or ws. It recognises them by their members, so that neither package is needed here.
 *
 * @param request - The HTTP request of the handshake, which ws passes to `handleConnection` and does not keep.
 * @returns `undefined` for anything else, or when the handshake is unknown.
 */
export function toSocketClient(client: unknown, request?: unknown): SocketClient | undefined {
  if (isSocketIo(client)) {
    return {
      headers: client.handshake.headers,
      refuse: (refusal) => {
        client.emit('exception', { status: 'error', ...refusal });
        client.disconnect(true);
      },
      onceClosed: (listener) => void client.once('disconnect', listener),
    };
  }
  if (!isWs(client) || !hasHeaders(request)) return undefined;
  return {
    headers: request.headers,
    refuse: (refusal) => {
      if (client.readyState !== OPEN) return;
      client.send(JSON.stringify({ event: 'exception', data: { status: 'error', ...refusal } }));
      client.close(CLOSE_CODES[refusal.statusCode] ?? INTERNAL_ERROR, refusal.error);
      // A client that never answers the closing handshake would keep the connection open.
      setTimeout(() => client.terminate(), CLOSE_TIMEOUT_MS).unref();
    },
    onceClosed: (listener) => void client.once('close', listener),
  };
}

function isSocketIo(client: unknown): client is SocketIoClient {
  const { handshake, disconnect, emit } = (client ?? {}) as Partial<SocketIoClient>;
  return typeof disconnect === 'function' && typeof emit === 'function' && hasHeaders(handshake);
}

function isWs(client: unknown): client is WsClient {
  const { readyState, send, close, terminate } = (client ?? {}) as Partial<WsClient>;
  return typeof readyState === 'number' && [send, close, terminate].every((method) => typeof method === 'function');
}

function hasHeaders(value: unknown): value is { readonly headers: HandshakeHeaders } {
  return typeof value === 'object' && value !== null && 'headers' in value && typeof value.headers === 'object';
}
