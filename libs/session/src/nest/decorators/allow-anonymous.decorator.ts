import { allowAccess } from '../access/session-metadata.js';

/**
 * Lets anonymous sessions in as well, on a handler or on a whole class: for a cart or an OAuth callback. Without it
 * `SessionGuard` answers 401 to a session without a user.
 */
export const AllowAnonymous = () => allowAccess('anonymous');
