import type { ArgumentsHost } from '@nestjs/common';
import { SessionArgumentError, SessionError } from '../../core/session/session-errors.js';
import {
  findHttpCall,
  type FastifyResponse,
  type HttpCall,
  type IncomingRequest,
  type NodeResponse,
  type OutgoingResponse,
} from './http-call.js';
import { safeReturnTo } from './return-to.js';

/**
 * The client closed the connection before its response, as a double click does. It could not have received a new cookie, so
 * none was made, and its old one still works. With `onAnomaly`, also when it left before its address was read.
 */
export class SessionClientGoneError extends SessionError {
  readonly code = 'SESSION_CLIENT_GONE';
}

const NO_REQUEST: IncomingRequest = { headers: {} };

/** One request and its response, with the same members on Express and Fastify, for controllers and GraphQL resolvers. */
export class HttpExchange {
  readonly #request: IncomingRequest;
  readonly #response: OutgoingResponse | undefined;
  /** Whether there is a request at all. */
  readonly isFound: boolean;
  readonly isUpgraded: boolean;

  constructor(call: HttpCall | undefined) {
    this.#request = call?.request ?? NO_REQUEST;
    this.#response = call?.response;
    this.isFound = call !== undefined;
    this.isUpgraded = call?.isUpgraded ?? false;
  }

  static of(host: ArgumentsHost): HttpExchange {
    return new HttpExchange(findHttpCall(host));
  }

  get headers(): IncomingRequest['headers'] {
    return this.#request.headers;
  }

  get method(): string | undefined {
    return this.#request.method;
  }

  get body(): unknown {
    return this.#request.body;
  }

  get response(): OutgoingResponse | undefined {
    return this.#response;
  }

  get cookieHeader(): string | readonly string[] | undefined {
    return this.#request.headers.cookie;
  }

  /** Every `Authorization` header. Node's own `headers` keep only the first. */
  get authorizationHeaders(): readonly string[] {
    const { headers, raw, rawHeaders = raw?.rawHeaders ?? [] } = this.#request;
    if (headers.authorization === undefined) return [];
    const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'authorization');
    return values.length > 1 ? values : [headers.authorization].flat();
  }

  get ipAddress(): string | null {
    return this.#request.ip ?? null;
  }

  get userAgent(): string | null {
    const value = this.#request.headers['user-agent'];
    return typeof value === 'string' ? value : null;
  }

  /** Path and query of the request, if a redirect to them stays on this site; else `/`. */
  get path(): string {
    return safeReturnTo(this.#request.originalUrl ?? this.#request.url);
  }

  /** Whether a browser requests a page to show, as far as the headers say. */
  get isPageRequest(): boolean {
    const { method = '', headers } = this.#request;
    const mode = headers['sec-fetch-mode'];
    if (method !== 'GET' && method !== 'HEAD') return false;
    return String(headers.accept ?? '').includes('text/html') && (mode === undefined || mode === 'navigate');
  }

  /** Whether it is too late to set a header, or there is no response. */
  get isAnswered(): boolean {
    const response = this.#response;
    if (!response) return true;
    return isNodeResponse(response) ? response.headersSent : response.sent || response.raw.headersSent;
  }

  /** Whether the client closed the connection before the response. */
  get isAbandoned(): boolean {
    const response = this.#response;
    if (!response) return false;
    const { destroyed } = isNodeResponse(response) ? response : response.raw;
    return destroyed && !this.isAnswered;
  }

  /**
   * @throws {SessionClientGoneError} The client closed the connection.
   * @throws {SessionArgumentError} It is too late to send a token.
   */
  assertAnswerable(): void {
    if (this.isAbandoned) {
      throw new SessionClientGoneError('the client closed the connection, so it would not get its new token');
    }
    if (!this.isAnswered) return;
    throw new SessionArgumentError(
      'the response has been sent, so a new token cannot reach the client: await HttpSession before answering; in GraphQL ' +
        'on Fastify the context has to hold the response: context: (req, reply) => ({ req, reply })',
    );
  }

  /** Lists the values of a response header so far. */
  listHeader(name: string): string[] {
    const value = this.#response?.getHeader(name);
    return value === undefined ? [] : [value].flat().map(String);
  }

  /** Adds names to the `Vary` header. */
  addVary(...names: readonly string[]): void {
    const known = this.listHeader('vary').flatMap((value) => value.split(',').map((name) => name.trim()));
    const lower = new Set(known.map((name) => name.toLowerCase()));
    if (lower.has('*')) return;
    const added = names.filter((name) => !lower.has(name.toLowerCase()));
    this.setHeader('vary', [...known, ...added].join(', '));
  }

  /** Sets a response header and replaces all earlier values. */
  setHeader(name: string, value: string | readonly string[]): void {
    const response = this.#response;
    if (!response) return;
    if (isNodeResponse(response)) {
      response.setHeader(name, value);
      return;
    }
    // Fastify's header() would append to Set-Cookie.
    response.removeHeader(name);
    response.header(name, value);
    // For handlers that hijack the reply and write to the raw response. Otherwise Fastify's own value wins.
    response.raw.setHeader(name, value);
  }

  removeHeader(name: string): void {
    const response = this.#response;
    if (!response) return;
    response.removeHeader(name);
    if (!isNodeResponse(response)) response.raw.removeHeader(name);
  }
}

function isNodeResponse(response: NodeResponse | FastifyResponse): response is NodeResponse {
  // `setHeader` would prove nothing: many applications decorate Fastify's reply with it for Express middleware.
  return !('raw' in response);
}
