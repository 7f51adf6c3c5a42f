import { isAssuranceLevel } from '../../core/authentication/assurance-level.js';
import { toAuthenticationMethods } from '../../core/authentication/session-authentication.js';
import { assertAction } from '../../core/authentication/confirmations.js';
import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionArgumentError, SessionConfigurationError } from '../../core/session/session-errors.js';
import type { AssuranceLevel } from '../../core/session/session-record.js';
import { requireOfSession } from '../access/session-metadata.js';

/**
 * Requires that the user authenticated less than `maxAge` ago, by `signIn` or `reauthenticate`. Other requests get 401 with
 * `error: 'reauth_required'` (ASVS 7.5.1). Needs `SessionGuard` on the route.
 *
 * @example
 * @RequireFreshSession('10m')
 * @Post('email')
 * changeEmail() {}
 *
 * @param options.amr - Methods of that authentication, all of them: `['otp']` requires another factor right before a highly
 *   sensitive transaction (ASVS 7.5.3). Default: any methods.
 * @throws {SessionConfigurationError} `maxAge` is not a duration, or `amr` is not a list of methods.
 * @see The section "First five minutes" of the README.
 */
export const RequireFreshSession = (maxAge: Duration, { amr }: { amr?: readonly string[] } = {}) => {
  const maxAgeMs = parseDuration(maxAge, '@RequireFreshSession()');
  return requireOfSession(amr === undefined ? { maxAgeMs } : { maxAgeMs, amr: checkMethods(amr) });
};

/**
 * Requires a level of NIST SP 800-63B. Sessions that have not reached it get 401 with `error: 'reauth_required'` and the
 * missing level. Needs `SessionGuard` on the route.
 *
 * @example
 * @RequireAssurance('aal2')
 * @Post('transfer')
 * transfer() {}
 *
 * @throws {SessionConfigurationError} The level is not one of `'aal1'`, `'aal2'` and `'aal3'`.
 * @see The section "Second factors and step-up" of the README.
 */
export const RequireAssurance = (assuranceLevel: AssuranceLevel) => {
  if (isAssuranceLevel(assuranceLevel)) return requireOfSession({ assuranceLevel });
  throw new SessionConfigurationError('@RequireAssurance()', `must be 'aal1', 'aal2' or 'aal3'`);
};

/**
 * Requires that `HttpSession.confirm(action)` confirmed the action shortly before, and allows it once. The confirmation is
 * used up before the handler runs; of parallel requests one gets it (ASVS 7.5.3). Other requests get 401 with
 * `error: 'reauth_required'` and the missing `confirmation`. Needs `SessionGuard` on the route.
 *
 * @example
 * @RequireConfirmation('transfer')
 * @Post('transfer')
 * transfer() {}
 *
 * @throws {SessionArgumentError} The action is not 1 to 64 letters, digits, `_`, `.`, `:` or `-`.
 * @see The section "Second factors and step-up" of the README.
 */
export const RequireConfirmation = (action: string) => {
  assertAction(action);
  return requireOfSession({ confirmation: action });
};

function checkMethods(amr: readonly string[]): readonly string[] {
  try {
    const methods = toAuthenticationMethods(amr);
    if (methods.length > 0) return methods;
  } catch (error) {
    if (!(error instanceof SessionArgumentError)) throw error;
  }
  throw new SessionConfigurationError('@RequireFreshSession()', `amr must name methods of RFC 8176, such as ['otp']`);
}
