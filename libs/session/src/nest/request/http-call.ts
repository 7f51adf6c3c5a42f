import type { ArgumentsHost } from '@nestjs/common';

export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface IncomingRequest {
  readonly headers: RequestHeaders;
  readonly method?: string;
  readonly url?: string;
  /** Express: the URL before a router removed its own part. */
  readonly originalUrl?: string;
  /** As the adapter reports it, which follows its trust proxy setting (ASVS 4.1.3). */
  readonly ip?: string;
  readonly body?: unknown;
  /** Alternating names and values, as received. */
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

export type OutgoingResponse = NodeResponse | FastifyResponse;

/** The request that led to a handler's call, and its response. */
export interface HttpCall {
  readonly request: IncomingRequest;
  /** `undefined` when there is none, or the GraphQL context does not hold it. */
  readonly response: OutgoingResponse | undefined;
  /** The same object for every guard, interceptor and decorator of this call: Node's own request, where there is a response. */
  readonly key: object;
  /** The request became a WebSocket. It carries the headers of the original handshake. */
  readonly isUpgraded: boolean;
}

/**
 * The GraphQL context of an operation. Apollo has `req` with `res` or `reply`, Yoga has `request`, and Mercurius has only
 * `reply`, which knows its request. Express links a request to its response.
 */
interface GraphqlContext {
  readonly req?: unknown;
  readonly request?: unknown;
  readonly res?: unknown;
  readonly reply?: { readonly request?: unknown };
}

interface GraphqlInfo {
  readonly operation?: { readonly operation?: string };
}

/** Nest's GraphQL module calls resolvers with the parent, the arguments, the context and the operation. */
const GRAPHQL_CONTEXT_INDEX = 2;
const GRAPHQL_INFO_INDEX = 3;

/** Returns `undefined` when the call did not come from an HTTP request, or the GraphQL context does not hold the request. */
export function findHttpCall(host: ArgumentsHost): HttpCall | undefined {
  const type: string = host.getType();
  if (type === 'graphql') return findGraphqlCall(host.getArgByIndex<unknown>(GRAPHQL_CONTEXT_INDEX));
  if (type !== 'http') return undefined;
  // Other packages call their handlers with Nest's default type and other arguments.
  const request = host.getArgByIndex<unknown>(0);
  if (!isRequest(request)) return undefined;
  return { request, response: host.getArgByIndex<OutgoingResponse>(1), key: request.raw ?? request, isUpgraded: false };
}

/** The key of a call over HTTP, without the rest of it; `undefined` for any other kind of call. */
export function findRequestKey(host: ArgumentsHost): object | undefined {
  if (host.getType() !== 'http') return undefined;
  const request = host.getArgByIndex<unknown>(0);
  return isRequest(request) ? (request.raw ?? request) : undefined;
}

/** The same object for every guard and decorator of a call, HTTP or not: a request, a GraphQL context, a socket. */
export function findCallKey(host: ArgumentsHost): object | undefined {
  const requestKey = findRequestKey(host);
  if (requestKey) return requestKey;
  const call = findHttpCall(host);
  if (call) return call.key;
  const given = host.getArgByIndex<unknown>(host.getType<string>() === 'graphql' ? GRAPHQL_CONTEXT_INDEX : 0);
  return isObject(given) ? given : undefined;
}

export function isGraphqlMutation(host: ArgumentsHost): boolean {
  if (host.getType<string>() !== 'graphql') return false;
  return host.getArgByIndex<GraphqlInfo | undefined>(GRAPHQL_INFO_INDEX)?.operation?.operation === 'mutation';
}

function findGraphqlCall(context: unknown): HttpCall | undefined {
  if (!isObject(context)) return undefined;
  const { req, request: other, res, reply } = context as GraphqlContext;
  const request = [req, other, reply?.request].find(isRequest);
  if (!request) return undefined;
  const isUpgraded = String(request.headers.upgrade).toLowerCase() === 'websocket';
  const found = isUpgraded ? undefined : [res, reply, (request as GraphqlContext).res].find(isObject);
  const response = found as OutgoingResponse | undefined;
  // Without a response the request may serve several operations, and each must look up its session again.
  return { request, response, key: response ? (request.raw ?? request) : context, isUpgraded };
}

/** Requires headers by name, as Node has them. The `Headers` of the Fetch API would look empty. */
function isRequest(value: unknown): value is IncomingRequest {
  if (!isObject(value)) return false;
  const { headers } = value as { readonly headers?: unknown };
  return isObject(headers) && typeof (headers as { readonly get?: unknown }).get !== 'function';
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
