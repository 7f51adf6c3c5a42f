import type { ArgumentsHost } from '@nestjs/common';

export interface IncomingRequest {
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

export type HeaderValue = string | number | readonly string[] | undefined;

export interface NodeResponse {
  readonly headersSent: boolean;
  readonly destroyed: boolean;
  getHeader(name: string): HeaderValue;
  setHeader(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): unknown;
}

export interface FastifyResponse {
  readonly sent: boolean;
  readonly raw: NodeResponse;
  getHeader(name: string): HeaderValue;
  header(name: string, value: string | readonly string[]): unknown;
  removeHeader(name: string): unknown;
}

/** The request that a call came by, and the response that will answer it. */
export interface HttpParts {
  readonly request: IncomingRequest;
  /** `undefined`: there is none, or the GraphQL context does not hold it. */
  readonly response: NodeResponse | FastifyResponse | undefined;
  /** The same object for everybody who handles this call. */
  readonly key: object;
  /** The request became a WebSocket: one request, with headers from back then, for all that comes through it. */
  readonly isUpgraded: boolean;
}

/** What GraphQL drivers put into the context of an operation; Express links a request to its response. */
interface GraphqlContext {
  readonly req?: Partial<IncomingRequest> & { readonly res?: HttpParts['response'] };
  readonly res?: HttpParts['response'];
  readonly reply?: HttpParts['response'];
}

/** Where Nest's GraphQL module passes the context: after the parent and the arguments. */
const GRAPHQL_CONTEXT_INDEX = 2;

/** `undefined` when the call came by something else, or GraphQL's context does not tell by which request. */
export function findHttpParts(host: ArgumentsHost): HttpParts | undefined {
  const type: string = host.getType();
  if (type === 'http') {
    const http = host.switchToHttp();
    const request = http.getRequest<IncomingRequest>();
    const response = http.getResponse<NodeResponse | FastifyResponse>();
    return { request, response, key: request.raw ?? request, isUpgraded: false };
  }
  return type === 'graphql' ? findGraphqlParts(host.getArgByIndex<unknown>(GRAPHQL_CONTEXT_INDEX)) : undefined;
}

function findGraphqlParts(context: unknown): HttpParts | undefined {
  if (typeof context !== 'object' || context === null) return undefined;
  const { req, res, reply } = context as GraphqlContext;
  if (!isRequest(req)) return undefined;
  const isUpgraded = String(req.headers.upgrade).toLowerCase() === 'websocket';
  const response = isUpgraded ? undefined : (res ?? reply ?? (req as GraphqlContext['req'])?.res);
  // A request that outlives its answer must not keep what was found for its first operation.
  return { request: req, response, key: response ? (req.raw ?? req) : context, isUpgraded };
}

function isRequest(request: GraphqlContext['req']): request is IncomingRequest {
  return typeof request?.headers === 'object' && request.headers !== null;
}
