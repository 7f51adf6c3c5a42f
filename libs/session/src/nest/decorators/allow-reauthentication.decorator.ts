import { allowAccess } from '../access/session-metadata.js';

/**
 * Lets in a session that `onAnomaly` stopped by `step-up`, and complete ones, on a handler or on a whole class: for the page
 * that asks for a proof and the request that brings it. Whoever holds such a session may have stolen it, so show nothing of
 * the account there. Everywhere else `SessionGuard` answers it with 401 and `error: 'reauth_required'`.
 */
export const AllowReauthentication = () => allowAccess('reauthentication');
