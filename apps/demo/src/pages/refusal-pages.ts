import type { SessionRefusal } from 'nest-sessions';
import { pathLeadingOn } from './return-path.js';

/** What a refused request lacks. Who turned up in another browser has to sign in: with less a thief could come back. */
export type Missing = 'sign-in' | 'second factor' | 'proof';

/** The page that asks for it. */
const PAGES: Record<Missing, `/${string}`> = {
  'sign-in': '/sign-in',
  'second factor': '/sign-in/code',
  proof: '/confirm',
};

export function pageForRefusal(missing: Missing, returnTo: `/${string}`): `/${string}` {
  return pathLeadingOn({ page: PAGES[missing], returnTo });
}

export function missingFrom(refusal: SessionRefusal): Missing {
  if (refusal.reason === 'second_factor_required') return 'second factor';
  return refusal.reason === 'reauth_required' && !refusal.required.isInDoubt ? 'proof' : 'sign-in';
}

/** The same out of the body of the guard's 401; any other 401 is for want of a session. */
export function missingFromBody(body: unknown): Missing {
  const { error, anomaly }: { error?: unknown; anomaly?: unknown } = typeof body === 'object' && body ? body : {};
  if (error === 'second_factor_required') return 'second factor';
  return error === 'reauth_required' && anomaly !== true ? 'proof' : 'sign-in';
}
