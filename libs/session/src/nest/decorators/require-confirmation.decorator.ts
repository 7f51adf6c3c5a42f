import { assertAction } from '../../core/authentication/confirmations.js';
import { requireOfSession } from '../access/session-metadata.js';

/**
 * Lets a request in that was confirmed by `HttpSession.confirm(action)` shortly before, once: the confirmation is used up
 * before the handler runs, and of parallel requests one gets it (ASVS 7.5.3). Others get 401 with
 * `error: 'reauth_required'` and the `confirmation` that is missing. Needs `SessionGuard` on the route.
 *
 * @throws {SessionArgumentError} The action is not 1 to 64 letters, digits, `_`, `.`, `:` or `-`.
 */
export const RequireConfirmation = (action: string) => {
  assertAction(action);
  return requireOfSession({ confirmation: action });
};
