export type CookieReading =
  | { readonly found: 'none' }
  | { readonly found: 'one'; readonly value: string }
  /** The name occurs with different values: an attacker may have planted one of them. */
  | { readonly found: 'ambiguous'; readonly values: readonly string[] };

/** More values than browsers send by themselves. The rest is ignored. */
const MAX_VALUES = 3;

/**
 * Reads one cookie from the `Cookie` headers of a request.
 *
 * Names are compared byte by byte without decoding, so a look-alike name, such as one after a no-break space, is another
 * cookie. Only spaces and tabs are trimmed (RFC 6265bis 5.6). The same value twice is one cookie.
 */
export function readCookie(header: string | readonly string[] | undefined, name: string): CookieReading {
  const values: string[] = [];
  if (typeof header === 'string') collectValues(header, { name, values });
  else for (const line of header ?? []) collectValues(line, { name, values });
  const [value] = values;
  if (value === undefined) return NO_COOKIE;
  return values.length === 1 ? { found: 'one', value } : { found: 'ambiguous', values };
}

const NO_COOKIE: CookieReading = { found: 'none' };

/** Adds the different values of the name in one header. One pass, whatever the header looks like. */
function collectValues(header: string, { name, values }: { name: string; values: string[] }): void {
  let equals = -1;
  for (let start = 0; start < header.length;) {
    if (equals < start) equals = header.indexOf('=', start);
    if (equals === -1) return;
    const semicolon = header.indexOf(';', start);
    const end = semicolon === -1 ? header.length : semicolon;
    if (equals < end && values.length < MAX_VALUES && isBetween(header, name, { start, end: equals })) {
      const value = trimBlanks(header.slice(equals + 1, end));
      if (!values.includes(value)) values.push(value);
    }
    start = end + 1;
  }
}

/** Returns whether a part of the header is the name, with or without blanks around it. */
function isBetween(header: string, name: string, { start, end }: { start: number; end: number }): boolean {
  let [first, last] = [start, end];
  while (first < last && isBlank(header.charCodeAt(first))) first += 1;
  while (last > first && isBlank(header.charCodeAt(last - 1))) last -= 1;
  return last - first === name.length && header.startsWith(name, first);
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
