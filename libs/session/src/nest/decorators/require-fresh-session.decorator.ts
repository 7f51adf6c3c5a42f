import { toAuthenticationMethods } from '../../core/authentication/authentication-methods.js';
import { parseDuration, type Duration } from '../../core/session/duration.js';
import { SessionArgumentError, SessionConfigurationError } from '../../core/session/session-errors.js';
import { requireOfSession } from '../access/session-metadata.js';

/**
 * Lets only users in who proved who they are less than `maxAge` ago: by `signIn` or `reauthenticate`. Others get 401 with
 * `error: 'reauth_required'` (ASVS 7.5.1). Needs `SessionGuard` on the route.
 *
 * @param options.amr - Methods that this must have been done by, all of them: `['otp']` asks for another factor right
 *   before a highly sensitive transaction (ASVS 7.5.3).
 * @throws {SessionConfigurationError} `maxAge` is not a duration, or `amr` no list of methods.
 */
export const RequireFreshSession = (maxAge: Duration, { amr }: { amr?: readonly string[] } = {}) => {
  const maxAgeMs = parseDuration(maxAge, '@RequireFreshSession()');
  return requireOfSession(amr === undefined ? { maxAgeMs } : { maxAgeMs, amr: checkMethods(amr) });
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
