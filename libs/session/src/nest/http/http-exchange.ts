import type { ArgumentsHost } from '@nestjs/common';
import { safeReturnTo } from './return-to.js';

interface IncomingRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly method?: string;
  readonly url?: string;
  /** Express: the address before a router took its part away. */
  readonly originalUrl?: string;
  /** The adapter's own answer, which follows its trust proxy setting (ASVS 4.1.3). */
  readonly ip?: string;
  /** Names and values in turn, as they came. */
  readonly rawHeaders?: readonly string[];
  /** Node's request, on Fastify. */
  readonly raw?: { readonly rawHeaders?: readonly string[] };
}

type HeaderValue = string | number | readonly string[] | undefined;

interface NodeResponse {
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  getHeader(name: string): HeaderValue;
  setHeader(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): unknown;
}

interface FastifyResponse {
  readonly sent: boolean;
  readonly raw: NodeResponse;
  getHeader(name: string): HeaderValue;
  header(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): unknown;
}

/** One request and its response, alike on Express and Fastify. */
export class HttpExchange {
  readonly #request: IncomingRequest;
  readonly #response: NodeResponse | FastifyResponse;

  constructor(host: Pick<ArgumentsHost, 'switchToHttp'>) {
    const http = host.switchToHttp();
    this.#request = http.getRequest<IncomingRequest>();
    this.#response = http.getResponse<NodeResponse | FastifyResponse>();
  }

  /** Node's own request object: the same one for every guard, interceptor and decorator of a request. */
  static keyOf(host: ArgumentsHost): object {
    const request = host.switchToHttp().getRequest<IncomingRequest>();
    return request.raw ?? request;
  }

  get cookieHeader(): string | readonly string[] | undefined {
    return this.#request.headers.cookie;
  }

  /** Every `Authorization` header: Node itself keeps only the first of several. */
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

  /** Path and query as they were asked for, if a browser that is sent there comes back here; else `/`. */
  get path(): string {
    return safeReturnTo(this.#request.originalUrl ?? this.#request.url);
  }

  /** Whether a browser asks for a page that it wants to show, as far as can be told. */
  get isPageRequest(): boolean {
    const { method = '', headers } = this.#request;
    const mode = headers['sec-fetch-mode'];
    if (method !== 'GET' && method !== 'HEAD') return false;
    return String(headers.accept ?? '').includes('text/html') && (mode === undefined || mode === 'navigate');
  }

  /** Whether it is too late to set a header. */
  get isAnswered(): boolean {
    const response = this.#response;
    return isNodeResponse(response) ? response.headersSent : response.sent || response.raw.headersSent;
  }

  /** Whether the client closed the connection, so that no answer reaches it. */
  get isAbandoned(): boolean {
    const response = this.#response;
    const { destroyed } = isNodeResponse(response) ? response : response.raw;
    return destroyed && !this.isAnswered;
  }

  /** The values that the response has under this name so far. */
  listHeader(name: string): string[] {
    const value = this.#response.getHeader(name);
    return value === undefined ? [] : [value].flat().map(String);
  }

  /** Says what the answer depends on, beside what it says already. */
  addVary(...names: readonly string[]): void {
    const known = this.listHeader('vary').flatMap((value) => value.split(',').map((name) => name.trim()));
    const lower = new Set(known.map((name) => name.toLowerCase()));
    if (lower.has('*')) return;
    const added = names.filter((name) => !lower.has(name.toLowerCase()));
    this.setHeader('vary', [...known, ...added].join(', '));
  }

  /** Replaces whatever the response has under this name. */
  setHeader(name: string, value: string | readonly string[]): void {
    const response = this.#response;
    if (isNodeResponse(response)) {
      response.setHeader(name, value);
      return;
    }
    // Fastify's header() would append to Set-Cookie.
    response.removeHeader(name);
    response.header(name, value);
    // Also for a handler that hijacks the reply and answers by its raw response; otherwise Fastify's own value wins.
    response.raw.setHeader(name, value);
  }

  removeHeader(name: string): void {
    this.#response.removeHeader(name);
    if (!isNodeResponse(this.#response)) this.#response.raw.removeHeader(name);
  }
}

function isNodeResponse(response: NodeResponse | FastifyResponse): response is NodeResponse {
  // Not by setHeader, which is a usual decoration of Fastify's reply, for the sake of Express middleware.
  return !('raw' in response);
}
