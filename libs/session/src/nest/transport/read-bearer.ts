import type { BearerTokenFormat } from '../../core/token/bearer-token.js';

export type BearerReading =
  /** No bearer token, or somebody else's: one without our prefix. */
  | { readonly found: 'none' }
  /** It has our prefix, but is cut off or mistyped. */
  | { readonly found: 'damaged' }
  | { readonly found: 'one'; readonly token: string }
  /** More than one `Authorization` header: what stands before us may have believed the other one. */
  | { readonly found: 'ambiguous'; readonly tokens: readonly string[] };

const SCHEME = 'bearer';
/** More headers of one name than any client's mistake explains; the rest is not looked at. */
const MAX_TOKENS = 3;

/**
 * Looks for a bearer token in the `Authorization` headers of a request (RFC 6750 2.1), nowhere else: a token in the query
 * would be in logs and histories (ASVS 14.2.1). The scheme's name has no case; one or more SP follow it (RFC 9110 11.4).
 */
export function readBearer(headers: readonly string[], format: BearerTokenFormat): BearerReading {
  const claimed = headers.map(credentialsOf).filter((text) => text !== undefined && format.claims(text)) as string[];
  if (claimed.length === 0) return { found: 'none' };
  const tokens = claimed
    .slice(0, MAX_TOKENS)
    .map((text) => format.parse(text))
    .filter((token) => token !== undefined);
  if (headers.length > 1) return { found: 'ambiguous', tokens };
  const [token] = tokens;
  return token === undefined ? { found: 'damaged' } : { found: 'one', token };
}

/** What follows the scheme, when that is ours. */
function credentialsOf(header: string): string | undefined {
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME || header[SCHEME.length] !== ' ') return undefined;
  let start = SCHEME.length;
  while (header[start] === ' ') start += 1;
  return header.slice(start);
}
