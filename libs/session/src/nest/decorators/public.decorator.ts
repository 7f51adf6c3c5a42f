import { allowAccess } from '../access/session-metadata.js';

/**
 * Lets everybody in where `SessionGuard` stands, on a handler or on a whole class. A rule on the handler wins over one on
 * its class. On a class it does not reach subclasses.
 */
export const Public = () => allowAccess('public');
