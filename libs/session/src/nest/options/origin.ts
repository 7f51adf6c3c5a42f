/** An origin in canonical form: lower case, IPv6 shortened, no default port. */
export interface Origin {
  /** Such as `https`, or an app's custom scheme such as `capacitor`. */
  readonly scheme: string;
  /** Host name and port. */
  readonly host: string;
}

/** Only what browsers send: no user info, path, percent escape or list. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/;

/**
 * Parses `scheme://host[:port]`. Returns `undefined` for anything else, including `null`. `URL.origin` does not work here: it
 * is `'null'` for the custom scheme of an app.
 */
export function parseOrigin(text: string): Origin | undefined {
  const [lower, scheme] = ORIGIN.exec(text.toLowerCase()) ?? [];
  if (lower === undefined || scheme === undefined || !URL.canParse(lower)) return undefined;
  return { scheme, host: new URL(lower).host };
}

export function formatOrigin({ scheme, host }: Origin): string {
  return `${scheme}://${host}`;
}

export function isWebOrigin({ scheme }: Origin): boolean {
  return scheme === 'http' || scheme === 'https';
}

/** The application's own and trusted origins, for requests and handshakes. */
export interface OriginRules {
  /** The application's public origins, as `formatOrigin` writes them. `undefined`: the request's own host. */
  readonly public: ReadonlySet<string> | undefined;
  /** Other origins whose pages may use a visitor's session, and public ones with a custom scheme. */
  readonly trusted: ReadonlySet<string>;
  /** Decides about a request without a sign of its origin, which no current browser sends. */
  readonly onMissing: 'allow' | 'reject';
}

/** Returns whether an origin may use its visitor's session although the browser calls it cross-site. */
export function isTrustedOrigin(origin: Origin, { trusted }: Pick<OriginRules, 'trusted'>): boolean {
  return trusted.size > 0 && trusted.has(formatOrigin(origin));
}

/** Returns whether an origin is the host of the request. A proxy that ends TLS hides the scheme, so it is not compared. */
export function isOriginOfHost(origin: Origin, host: string): boolean {
  return isWebOrigin(origin) && parseOrigin(`${origin.scheme}://${host}`)?.host === origin.host;
}
