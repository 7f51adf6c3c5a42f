const BASE = 'https://base.invalid';
// eslint-disable-next-line no-control-regex -- browsers drop some of them, so that what is left means something else
const UNSAFE = /[\u0000-\u0020\u007f\\]/;

/** Whether a browser that is sent there stays on the site: a path from its root, as browsers read it (ASVS 3.7.2). */
export function isSameOriginPath(value: unknown): value is string {
  if (typeof value !== 'string' || !value.startsWith('/') || value.startsWith('//') || UNSAFE.test(value)) return false;
  return URL.canParse(value, BASE) && new URL(value, BASE).origin === BASE;
}

/**
 * Where to send somebody back to after a sign-in, out of a query or form that anybody may have made: only a path of this
 * site; anything else, `//evil.example` and `/\evil.example` included, becomes the fallback.
 */
export function safeReturnTo(value: unknown, fallback = '/'): string {
  return isSameOriginPath(value) ? value : fallback;
}
