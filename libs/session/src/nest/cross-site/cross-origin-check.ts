import { formatOrigin, isOriginOfHost, isTrustedOrigin, parseOrigin, type OriginRules } from '../options/origin.js';
import type { RequestHeaders } from '../request/http-call.js';

export interface CrossOriginRequest {
  readonly method: string;
  readonly headers: RequestHeaders;
}

/**
 * `cross-site`: the browser says so, or sent something that is not in its standard. `foreign-origin`: the origin is not
 * the application's own. `no-origin`: nothing tells where the request is from.
 */
export type CrossOriginRefusal = 'cross-site' | 'foreign-origin' | 'no-origin';

/** Methods that must not change anything (RFC 9110 9.2.1). TRACE is not among them: nobody needs it. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a browser was made to send the request by somebody else's page. Go's `http.CrossOriginProtection`: what the
 * browser itself says in `Sec-Fetch-Site`, or else `Origin` against `Host`.
 *
 * Goes by method and these headers only: content type, `X-HTTP-Method-Override`, `Referer` and `X-Forwarded-Host` are what
 * others can choose, or what only a proxy's configuration makes true.
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

/** HTTP/2 has `:authority`, a name that no HTTP/1 request can carry. */
function readHost(headers: CrossOriginRequest['headers']): string {
  return readHeader(headers, ':authority') || readHeader(headers, 'host');
}

/** Empty when absent. Several are joined as Node.js does it, which makes them a value that nothing accepts. */
export function readHeader(headers: CrossOriginRequest['headers'], name: string): string {
  return [headers[name] ?? []].flat().join(', ');
}
