import type { SessionAbsence } from '../session/session-record.js';
import type { TokenRejection } from './session-token.js';

/** Why a token was not accepted, for the log; a client learns only that it was not. */
export type AbsenceReason =
  | 'missing'
  | TokenRejection
  | SessionAbsence
  | 'wrong-secret'
  /** The token was followed by another one and its grace is over: the session was revoked. */
  | 'reuse'
  /** Another client used it, and `onAnomaly` answered `revoke`. */
  | 'anomaly';
