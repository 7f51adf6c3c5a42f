import type { AbsenceReason } from '../token/session-token.js';
import type { CreatedSession } from './session-creator.js';
import type { SessionEndReason } from '../session/session-record.js';
import type { Session } from '../session/session.js';

export type AuthenticateOutcome =
  | {
      /**
       * `awaits-second-factor`: live, but the user still has to prove another factor: nobody is signed in by it yet.
       * `awaits-reauthentication`: the same, because `onAnomaly` answered `step-up`.
       */
      readonly outcome: 'live' | 'awaits-second-factor' | 'awaits-reauthentication';
      readonly session: Session;
      /** What the client should use from now on: hand it over with the answer, store and log it nowhere. */
      readonly token?: string;
    }
  | { readonly outcome: 'absent'; readonly reason: AbsenceReason };

export type RotatedSession =
  | (CreatedSession & { readonly rotated: true })
  /** `superseded`: another call rotated this token first; its caller has the successor. */
  | { readonly rotated: false; readonly reason: 'absent' | 'superseded' };

/** What a verified logout token of OpenID Connect names. */
export interface ProviderLogout {
  readonly issuer: string;
  readonly sessionId: string;
  readonly userId?: string;
  readonly endedBy?: string;
}

export interface RevokeOptions {
  /** Default `'revoked'`. */
  readonly reason?: SessionEndReason;
  /** Who does it, for the audit log: a user or operator id. Default none. */
  readonly endedBy?: string;
}
