import type { SessionRefusal } from 'nest-sessions';
import { pathLeadingOn } from './return-path.js';

/** The page that asks for what a refused request lacks. */
const PAGES: Record<SessionRefusal['reason'], `/${string}`> = {
  unauthenticated: '/sign-in',
  second_factor_required: '/sign-in/code',
  reauth_required: '/confirm',
};

export function pageForRefusal(reason: SessionRefusal['reason'], returnTo: `/${string}`): `/${string}` {
  return pathLeadingOn({ page: PAGES[reason], returnTo });
}

/** Why the guard refused, out of the body of its 401; any other 401 is for want of a session. */
export function refusalReason(body: unknown): SessionRefusal['reason'] {
  const error: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'error') : undefined;
  return error === 'reauth_required' || error === 'second_factor_required' ? error : 'unauthenticated';
}
