import { parseDuration, type Duration } from '../../core/duration.js';
import { setAccessRule } from './session-metadata.js';

/**
 * Lets only users in who proved who they are less than `maxAge` ago: by `signIn` or `reauthenticate`. Others get 401 with
 * `error: 'reauth_required'` (ASVS 7.5.1). Needs `SessionGuard` on the route.
 *
 * @throws {SessionConfigurationError} `maxAge` is not a duration.
 */
export const RequireFreshSession = (maxAge: Duration) =>
  setAccessRule({ access: 'fresh', maxAgeMs: parseDuration(maxAge, '@RequireFreshSession()') });
