import { formatOrigin, isOriginOfHost, isTrustedOrigin, parseOrigin, type OriginRules } from '../options/origin.js';
import type { RequestHeaders } from '../request/http-call.js';

export interface CrossOriginRequest {
  readonly method: string;
  readonly headers: RequestHeaders;
}

/**
 * `cross-site`: the browser said so, or sent a value outside its standard. `foreign-origin`: the origin is not the
 * application's own. `no-origin`: the request has no sign of its origin.
 */
export type CrossOriginRefusal = 'cross-site' | 'foreign-origin' | 'no-origin';

/** Methods that must not change anything (RFC 9110 9.2.1). TRACE is left out: no application needs it. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Returns why a request counts as sent by another site's page; `undefined` when it does not. As in Go's
 * `http.CrossOriginProtection`, the browser's `Sec-Fetch-Site` decides, or else `Origin` compared with `Host`.
 *
 * Only the method and these headers count. Attackers can choose the content type, `X-HTTP-Method-Override`, `Referer` and
 * `X-Forwarded-Host`, or these depend on the configuration of a proxy.
 */
export function checkCrossOrigin(
  { method, headers }: CrossOriginRequest,
  rules: OriginRules,
): CrossOriginRefusal | undefined {
  if (isSafeMethod(method)) return undefined;
  const site = readHeader(headers, 'sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return undefined;
  const text = readHeader(headers, 'origin');
  const origin = parseOrigin(text);
  if (origin && isTrustedOrigin(origin, rules)) return undefined;
  if (site !== '') return 'cross-site';
  if (text === '') return rules.onMissing === 'allow' ? undefined : 'no-origin';
  if (!origin) return 'foreign-origin';
  const isOwn = rules.public ? rules.public.has(formatOrigin(origin)) : isOriginOfHost(origin, readHost(headers));
  return isOwn ? undefined : 'foreign-origin';
}

export function isSafeMethod(method: string): boolean {
  return SAFE_METHODS.has(method);
}

/** HTTP/2 has `:authority` instead, a name that no HTTP/1 request can carry. */
function readHost(headers: CrossOriginRequest['headers']): string {
  return readHeader(headers, ':authority') || readHeader(headers, 'host');
}

/** Returns an empty text when absent. Several values are joined as Node.js does, which no check accepts. */
export function readHeader(headers: CrossOriginRequest['headers'], name: string): string {
  return [headers[name] ?? []].flat().join(', ');
}
