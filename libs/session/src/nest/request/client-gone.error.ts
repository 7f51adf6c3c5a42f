import { SessionError } from '../../core/session/session-errors.js';

/**
 * The client closed the connection before its answer, as a double click does: nobody could take a new cookie, so none
 * was made. What the client holds still works. With `onAnomaly` also when it was gone before its address was read.
 */
export class SessionClientGoneError extends SessionError {
  readonly code = 'SESSION_CLIENT_GONE';
}
