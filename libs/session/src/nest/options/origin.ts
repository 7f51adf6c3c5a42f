/** An origin in the one spelling that compares: lower case, IPv6 shortened, default port left out. */
export interface Origin {
  /** Such as `https`. */
  readonly scheme: string;
  /** Host name and port. */
  readonly host: string;
}

/** Nothing but what browsers send: no userinfo, path, percent escape or list. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?$/;

/** Takes `scheme://host[:port]` apart. `undefined` for anything else, `null` included. */
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

export interface CrossOriginRules {
  /** Origins at which browsers see the application, in the spelling of `formatOrigin`. `undefined`: the request's own host. */
  readonly publicOrigins: ReadonlySet<string> | undefined;
  /** Other origins that may send unsafe requests. */
  readonly trustedOrigins: ReadonlySet<string>;
  /** What becomes of a request without both headers, which no current browser sends. */
  readonly onMissing: 'allow' | 'reject';
}
