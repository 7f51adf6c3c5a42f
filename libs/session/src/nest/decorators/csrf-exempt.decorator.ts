import { setCsrfExempt } from '../access/session-metadata.js';

/**
 * Lets other sites send unsafe requests to a handler, or to all of a class: for callbacks that a browser carries from an
 * identity or payment provider as a form, which prove themselves by a signature or a `state`. On a class it does not
 * reach subclasses.
 */
export const CsrfExempt = () => setCsrfExempt();
