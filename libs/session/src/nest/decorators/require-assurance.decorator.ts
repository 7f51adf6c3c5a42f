import { isAssuranceLevel } from '../../core/authentication/assurance-level.js';
import { SessionConfigurationError } from '../../core/session/session-errors.js';
import type { AssuranceLevel } from '../../core/session/session-record.js';
import { requireOfSession } from '../access/session-metadata.js';

/**
 * Lets only sessions in that have reached this level of NIST SP 800-63B. Others get 401 with `error: 'reauth_required'` and
 * the level that is missing. Needs `SessionGuard` on the route.
 *
 * @throws {SessionConfigurationError} It is no level.
 */
export const RequireAssurance = (assuranceLevel: AssuranceLevel) => {
  if (isAssuranceLevel(assuranceLevel)) return requireOfSession({ assuranceLevel });
  throw new SessionConfigurationError('@RequireAssurance()', `must be 'aal1', 'aal2' or 'aal3'`);
};
