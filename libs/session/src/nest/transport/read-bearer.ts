import type { BearerTokenFormat } from '../../core/token/bearer-token.js';

export type BearerReading =
  /** No bearer token, or one without our prefix. */
  | { readonly found: 'none' }
  /** It has our prefix but is incomplete or mistyped. */
  | { readonly found: 'damaged' }
  | { readonly found: 'one'; readonly token: string }
  /** More than one `Authorization` header: a proxy in front may have accepted another one. */
  | { readonly found: 'ambiguous'; readonly tokens: readonly string[] };

const SCHEME = 'bearer';
/** More headers than any client sends by mistake. The rest is ignored. */
const MAX_TOKENS = 3;

/**
 * Reads a bearer token from the `Authorization` headers only (RFC 6750 2.1): a token in the query would end up in logs and
 * histories (ASVS 14.2.1). The scheme has no case, and one or more spaces follow it (RFC 9110 11.4).
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

/** Returns the text after the scheme `Bearer`; `undefined` for another scheme. */
function credentialsOf(header: string): string | undefined {
  if (header.slice(0, SCHEME.length).toLowerCase() !== SCHEME || header[SCHEME.length] !== ' ') return undefined;
  let start = SCHEME.length;
  while (header[start] === ' ') start += 1;
  return header.slice(start);
}
