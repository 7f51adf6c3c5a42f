export type CookieReading =
  | { readonly found: 'none' }
  | { readonly found: 'one'; readonly value: string }
  /** The name occurs with different values: somebody else may have planted one of them. */
  | { readonly found: 'ambiguous'; readonly values: readonly string[] };

/** More values of one name than any browser's own doing explains; the rest is not looked at. */
const MAX_VALUES = 3;

/**
 * Looks for one cookie in the `Cookie` headers of a request.
 *
 * Names are compared byte by byte and nothing is decoded: look-alikes that browsers send along, such as a name after a
 * no-break space, stay other names. Only SP and HTAB are trimmed (RFC 6265bis 5.6). The same value twice is one cookie.
 */
export function readCookie(header: string | readonly string[] | undefined, name: string): CookieReading {
  const values = new Set<string>();
  for (const line of [header ?? []].flat()) {
    for (const pair of line.split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || trimBlanks(pair.slice(0, equals)) !== name) continue;
      if (values.size < MAX_VALUES) values.add(trimBlanks(pair.slice(equals + 1)));
    }
  }
  const [value] = values;
  if (value === undefined) return { found: 'none' };
  return values.size === 1 ? { found: 'one', value } : { found: 'ambiguous', values: [...values] };
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
