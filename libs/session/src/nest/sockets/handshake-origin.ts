import { formatOrigin, isOriginOfHost, isTrustedOrigin, parseOrigin, type OriginRules } from '../options/origin.js';

export type HandshakeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Returns whether the page that opened a socket may use its visitor's session (ASVS 4.4.2). Browsers send cookies with
 * WebSocket handshakes from any site, and CORS does not apply, so every handshake is checked.
 *
 * `Origin` must name the host of the request or be an allowed origin. `X-Forwarded-Host` is ignored, because any client can
 * send it. A handshake without `Origin` does not come from a browser, unless `Sec-Fetch-Site` says so.
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
