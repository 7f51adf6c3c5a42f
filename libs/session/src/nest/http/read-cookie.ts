export type CookieReading =
  | { readonly found: 'none' }
  | { readonly found: 'one'; readonly value: string }
  /** The name occurs with different values: somebody else may have planted one of them. */
  | { readonly found: 'ambiguous' };

/**
 * Looks for one cookie in the `Cookie` headers of a request.
 *
 * Names are compared byte by byte and nothing is decoded: look-alikes that browsers send along, such as a name after a
 * no-break space, stay other names. Only SP and HTAB are trimmed (RFC 6265bis 5.6). The same value twice is one cookie.
 */
export function readCookie(header: string | readonly string[] | undefined, name: string): CookieReading {
  let value: string | undefined;
  for (const line of [header ?? []].flat()) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || trimBlanks(pair.slice(0, equals)) !== name) continue;
      const candidate = trimBlanks(pair.slice(equals + 1));
      if (value !== undefined && value !== candidate) return { found: 'ambiguous' };
      value = candidate;
    }
  }
  return value === undefined ? { found: 'none' } : { found: 'one', value };
}

function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
