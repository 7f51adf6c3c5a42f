import { safeReturnTo } from 'nest-sessions';
import { requestPath } from './page-request.js';

const MAX_LENGTH = 200;

/** Pages that ask for a proof and then redirect. A return to one of them means the page behind it. */
const ASKING_PAGES = new Set(['/sign-in/code', '/confirm']);

/**
 * Reads a return path from a query or form, which may be forged. Returns a path of this site, or the account page
 * (ASVS 3.7.2).
 */
export function readReturnPath(value: unknown): `/${string}` {
  const path = safeReturnTo(value) as `/${string}`;
  return path.length <= MAX_LENGTH ? path : '/';
}

/** The way back to a page that was asked for. Without its query, in which is nothing but a notice that has been read. */
export function returnPathOf(url: string): `/${string}` {
  const path = requestPath(url);
  if (!ASKING_PAGES.has(path)) return path;
  const { searchParams } = new URL(safeReturnTo(url), 'http://localhost');
  return readReturnPath(searchParams.get('returnTo'));
}

/** The way back to the page of a form that was refused, because the form's own address may answer no GET. */
export function returnPathOfForm(url: string): `/${string}` {
  const path = requestPath(url);
  if (path.startsWith('/account/')) return path;
  return path.startsWith('/sessions') ? '/sessions' : '/';
}

/** The path of a page of ours that leads on to another one. */
export function pathLeadingOn({ page, returnTo }: Record<'page' | 'returnTo', `/${string}`>): `/${string}` {
  return returnTo === '/' ? page : `${page}?returnTo=${encodeURIComponent(returnTo)}`;
}
