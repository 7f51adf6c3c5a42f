import type { AbsenceReason } from '../token/session-token.js';
import type { CreatedSession } from './session-creator.js';
import type { SessionEndReason } from '../session/session-record.js';
import type { Session } from '../session/session.js';

export type AuthenticateOutcome =
  | {
      /**
       * `awaits-second-factor`: live, but a second factor is pending, so nobody is signed in yet.
       * `awaits-reauthentication`: live, but `onAnomaly` returned `step-up`, so nobody is signed in any more.
       */
      readonly outcome: 'live' | 'awaits-second-factor' | 'awaits-reauthentication';
      readonly session: Session;
      /** The token for the client to use from now on. Hand it over with the answer. Never store or log it. */
      readonly token?: string;
    }
  | { readonly outcome: 'absent'; readonly reason: AbsenceReason };

export type RotatedSession =
  | (CreatedSession & { readonly rotated: true })
  /** `superseded`: a parallel call rotated this token first, and its caller has the successor. */
  | { readonly rotated: false; readonly reason: 'absent' | 'superseded' };

/** The claims of a verified OpenID Connect logout token. */
export interface ProviderLogout {
  /** `iss`. */
  readonly issuer: string;
  /** `sid`. */
  readonly sessionId: string;
  /** When given, only sessions of this user end. */
  readonly userId?: string;
  /** User or operator id for the audit log. Default none. */
  readonly endedBy?: string;
}

export interface RevokeOptions {
  /** Default `'revoked'`. */
  readonly reason?: SessionEndReason;
  /** User or operator id for the audit log. Default none. */
  readonly endedBy?: string;
}
