/** An origin in the one spelling that compares: lower case, IPv6 shortened, default port left out. */
export interface Origin {
  /** Such as `https`, or an application's own, such as `capacitor`. */
  readonly scheme: string;
  /** Host name and port. */
  readonly host: string;
}

/** Nothing except what browsers send: no userinfo, path, percent escape or list. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/;

/**
 * Takes `scheme://host[:port]` apart. `undefined` for anything else, `null` included. `URL.origin` is of no use here: it is
 * `'null'` for every scheme of an application's own.
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

/** Which origins are the application's own or trusted, for requests and handshakes alike. */
export interface OriginRules {
  /** Where browsers see the application, in the spelling of `formatOrigin`. `undefined`: at the request's own host. */
  readonly public: ReadonlySet<string> | undefined;
  /** Others that may act in the user's name, and public ones of an application's own scheme. */
  readonly trusted: ReadonlySet<string>;
  /** What becomes of a request that does not say where it is from, which no current browser sends. */
  readonly onMissing: 'allow' | 'reject';
}

/** Whether an origin may act in its visitor's name although the browser calls it another site. */
export function isTrustedOrigin(origin: Origin, { trusted }: Pick<OriginRules, 'trusted'>): boolean {
  return trusted.size > 0 && trusted.has(formatOrigin(origin));
}

/** Whether an origin is the host that a request was sent to. The scheme is not compared: a proxy that ends TLS hides it. */
export function isOriginOfHost(origin: Origin, host: string): boolean {
  return isWebOrigin(origin) && parseOrigin(`${origin.scheme}://${host}`)?.host === origin.host;
}
