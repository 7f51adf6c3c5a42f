const BASE = 'https://base.invalid';
// eslint-disable-next-line no-control-regex -- browsers drop some of them, so that what is left means something else
const UNSAFE = /[\u0000-\u0020\u007f\\]/;
// eslint-disable-next-line no-control-regex -- a range that begins with them
const NOT_ASCII = /[^\u0000-\u007f]+/g;

/** Whether a browser that is sent there stays on the site: a path from its root, as browsers read it (ASVS 3.7.2). */
export function isSameOriginPath(value: unknown): value is string {
  if (typeof value !== 'string' || !value.startsWith('/') || value.startsWith('//') || UNSAFE.test(value)) return false;
  return URL.canParse(value, BASE) && new URL(value, BASE).origin === BASE;
}

/**
 * Where to send somebody back to after a sign-in, out of a query or form that anybody may have made: only a path of this
 * site; anything else, `//evil.example` and `/\evil.example` included, becomes the fallback. Characters that a header cannot
 * hold are encoded, as browsers do it.
 */
export function safeReturnTo(value: unknown, fallback = '/'): string {
  return isSameOriginPath(value) ? value.toWellFormed().replaceAll(NOT_ASCII, encodeURIComponent) : fallback;
}
