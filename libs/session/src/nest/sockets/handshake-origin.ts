import { formatOrigin, isOriginOfHost, isTrustedOrigin, parseOrigin, type OriginRules } from '../options/origin.js';

export type HandshakeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Whether a page that opened a socket may do so in its visitor's name (ASVS 4.4.2). Browsers send cookies with WebSocket
 * handshakes from anywhere and no CORS stands in the way, so this always has to be asked.
 *
 * `Origin` must name the host that the request was sent to, or be one of those allowed. `X-Forwarded-Host` is not read:
 * anybody may send it. Without `Origin` the client is no browser, unless `Sec-Fetch-Site` says otherwise.
 */
export function isTrustedHandshake(headers: HandshakeHeaders, rules: OriginRules): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (origin === undefined) {
    return rules.onMissing === 'allow' && (site === undefined || site === 'same-origin' || site === 'none');
  }
  const page = typeof origin === 'string' ? parseOrigin(origin) : undefined;
  if (!page) return false;
  if (isTrustedOrigin(page, rules) || rules.public?.has(formatOrigin(page))) return true;
  return typeof host === 'string' && isOriginOfHost(page, host);
}
