const BASE = 'https://base.invalid';
// eslint-disable-next-line no-control-regex -- browsers drop some of them, which changes the meaning of the rest
const UNSAFE = /[\u0000-\u0020\u007f\\]/;
// eslint-disable-next-line no-control-regex -- a range that begins with them
const NOT_ASCII = /[^\u0000-\u007f]+/g;

/** Returns whether the value is a path of this site in the way browsers read it (ASVS 3.7.2). */
export function isSameOriginPath(value: unknown): value is string {
  if (typeof value !== 'string' || !value.startsWith('/') || value.startsWith('//') || UNSAFE.test(value)) return false;
  return URL.canParse(value, BASE) && new URL(value, BASE).origin === BASE;
}

/**
 * Returns a safe path to redirect to after a sign-in, from a query or form that an attacker may have written. Anything
 * except a path of this site becomes the fallback, such as `//evil.example` and `/\evil.example`. Characters that a header
 * cannot hold are encoded as browsers encode them.
 *
 * @example
 * response.redirect(safeReturnTo(query.returnTo, '/account'));
 */
export function safeReturnTo(value: unknown, fallback = '/'): string {
  return isSameOriginPath(value) ? value.toWellFormed().replaceAll(NOT_ASCII, encodeURIComponent) : fallback;
}
