import { setEmbedding } from '../access/session-metadata.js';

/**
 * Lets pages of other sites take up what a handler, or all of a class, answers to the visitor's session: as an image or
 * frame, or read by CORS. For use with the option `resourceIsolation`. On a class it does not reach subclasses.
 */
export const AllowEmbedding = () => setEmbedding();
