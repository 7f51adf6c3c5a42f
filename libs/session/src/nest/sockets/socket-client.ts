import type { HandshakeHeaders } from './handshake-origin.js';

/** What a client is told when it is turned away, as exceptions of gateways are told. */
export interface Refusal {
  readonly statusCode: number;
  readonly error: string;
  readonly message: string;
}

/** A connected client, alike on socket.io and ws. */
export interface SocketClient {
  readonly headers: HandshakeHeaders;
  /** Tells the client why, then closes. Idempotent. */
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

/** Codes of closed WebSockets: 4000 to 4999 are an application's own (RFC 6455 7.4.2), these follow HTTP. */
const CLOSE_CODES: Readonly<Record<number, number>> = { 401: 4401, 403: 4403, 503: 1013 };
const INTERNAL_ERROR = 1011;
const OPEN = 1;
/** How long a client has to answer the closing handshake before it is cut off. */
const CLOSE_TIMEOUT_MS = 500;

/**
 * Recognised by shape, so that neither package is needed here.
 *
 * @param request - The HTTP request of the handshake, which ws hands to `handleConnection` and does not keep.
 * @returns `undefined` when it is neither, or when its handshake is not known.
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
      // Nothing is sent any more, but the client would keep the connection for as long as it does not answer.
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
