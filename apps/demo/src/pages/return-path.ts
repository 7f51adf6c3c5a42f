import { safeReturnTo } from 'nest-sessions';
import { requestPath } from './page-request.js';

const MAX_LENGTH = 200;

/** Pages that ask for something and lead on; one who comes back wants what they lead on to. */
const ASKING_PAGES = new Set(['/sign-in/code', '/confirm']);

/** Where to lead on to, out of a query or form that anybody may have made: a path of this site, else the account (ASVS 3.7.2). */
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
