import { reaches } from '../../core/authentication/assurance-level.js';
import { isFresh } from '../../core/session/session-policy.js';
import type { Session } from '../../core/session/session.js';
import type { SessionRequirement } from './session-metadata.js';

/** The requirements that a session does not meet. */
export interface SessionShortfall extends SessionRequirement {
  /** The sign-in at the identity provider is too old: the user must sign in there again. */
  readonly isIdentityProviderDue?: true;
  /** `onAnomaly` stopped the session: it requires the same proof as a sign-in. */
  readonly isInDoubt?: true;
}

/** Returns the requirements that the session does not meet; `undefined` when it meets all. */
export function findShortfall(
  session: Session,
  { maxAgeMs, amr, assuranceLevel }: SessionRequirement,
  maxIdentityProviderAgeMs: number | undefined,
): SessionShortfall | undefined {
  const isMissingLevel = assuranceLevel !== undefined && !reaches(session.assuranceLevel, assuranceLevel);
  const isStale =
    maxAgeMs !== undefined &&
    (!isFresh(session.authenticatedAt, session.checkedAt, maxAgeMs) ||
      (amr ?? []).some((method) => !session.amr.includes(method)));
  const isIdentityProviderDue =
    maxIdentityProviderAgeMs !== undefined &&
    session.identityProvider !== null &&
    !isFresh(session.identityProvider.authenticatedAt, session.checkedAt, maxIdentityProviderAgeMs);
  if (!isMissingLevel && !isStale && !isIdentityProviderDue) return undefined;
  return {
    ...(isStale && { maxAgeMs, ...(amr && { amr }) }),
    ...(isMissingLevel && { assuranceLevel }),
    ...(isIdentityProviderDue && { isIdentityProviderDue: true as const }),
  };
}
