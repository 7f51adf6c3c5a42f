import type { ExecutionContext } from '@nestjs/common';

interface CsrfRequest extends CrossOriginRequest {
  readonly ip?: string;
  readonly body?: unknown;
  /** Node's request, on Fastify. */
  readonly raw?: object;
}

/** What there is to check about a call of a handler. */
export interface CsrfCall {
  /** `undefined`: a GraphQL mutation whose request cannot be found. */
  readonly request: CsrfRequest | undefined;
  /** The call as an HTTP one; `undefined` when there is no response to find. */
  readonly http: ExecutionContext | undefined;
}

interface GraphqlContext {
  readonly req?: unknown;
  readonly request?: unknown;
  readonly res?: unknown;
  /** Mercurius. */
  readonly reply?: { readonly request?: unknown };
}

interface GraphqlInfo {
  readonly operation?: { readonly operation?: string };
}

/** `undefined` for calls that come by no HTTP request: messages of WebSockets and microservices, queries without one. */
export function findCsrfCall(context: ExecutionContext): CsrfCall | undefined {
  const type = context.getType<string>();
  if (type === 'graphql') return findGraphqlCall(context);
  // Other packages call handlers of theirs by Nest's default type, with arguments of their own.
  const request = type === 'http' ? context.switchToHttp().getRequest<unknown>() : undefined;
  return isRequest(request) ? { request, http: context } : undefined;
}

function findGraphqlCall(context: ExecutionContext): CsrfCall | undefined {
  const [, , given, info] = context.getArgs<[unknown, unknown, GraphqlContext | undefined, GraphqlInfo | undefined]>();
  const request = [given?.req, given?.request, given?.reply?.request].find(isRequest);
  if (!request) return info?.operation?.operation === 'mutation' ? { request, http: undefined } : undefined;
  const response = given?.res ?? given?.reply;
  return { request, http: isObject(response) ? asHttp(context, request, response) : undefined };
}

function asHttp(context: ExecutionContext, request: CsrfRequest, response: object): ExecutionContext {
  const http = { getRequest: () => request, getResponse: () => response, getNext: () => undefined };
  return Object.assign(Object.create(context) as ExecutionContext, {
    getType: () => 'http',
    switchToHttp: () => http,
  });
}

function isRequest(value: unknown): value is CsrfRequest {
  if (!isObject(value)) return false;
  const { method, headers }: Partial<Record<keyof CsrfRequest, unknown>> = value;
  return typeof method === 'string' && isObject(headers);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

export interface CrossOriginRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}
