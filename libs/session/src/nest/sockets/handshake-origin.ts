import type { SocketSettings } from '../options/socket-settings.js';

export type HandshakeHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Whether a page that opened a socket may do so in its visitor's name (ASVS 4.4.2). Browsers send cookies with WebSocket
 * handshakes from anywhere and no CORS stands in the way, so this always has to be asked.
 *
 * `Origin` must name the host that the request was sent to, or be one of those allowed. `X-Forwarded-Host` is not read:
 * anybody may send it. Without `Origin` the client is no browser, unless `Sec-Fetch-Site` says otherwise.
 */
export function isTrustedHandshake(headers: HandshakeHeaders, settings: SocketSettings): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (origin === undefined) {
    return !settings.requireOrigin && (site === undefined || site === 'same-origin' || site === 'none');
  }
  if (typeof origin !== 'string') return false;
  return settings.allowedOrigins.has(origin) || (typeof host === 'string' && isOriginOfHost(origin, host));
}

/** By host and port; proxies that end TLS hide which scheme the page would have to have. */
function isOriginOfHost(origin: string, host: string): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin) || /[/\\?#@]/.test(host)) return false;
  const page = new URL(origin);
  const target = `${page.protocol}//${host}`;
  return page.origin === origin && URL.canParse(target) && new URL(target).origin === origin;
}
