import { allowAccess } from '../access/session-metadata.js';

/**
 * Lets in a session that awaits a second factor, and complete ones, on a handler or on a whole class: for the page that
 * asks for the factor and the request that proves it. Everywhere else `SessionGuard` answers such a session with 401 and
 * `error: 'second_factor_required'`.
 */
export const AllowPendingFactor = () => allowAccess('pending-factor');
