import { types } from 'node:util';
import type { SessionData } from './session-data.js';
import type { SessionRecord } from './session-record.js';

/**
 * A live session as an application sees it: a frozen snapshot taken at `checkedAt`. It holds no secret and may be
 * returned from an API. Change it through `SessionService`; assigning to it or to its data throws.
 */
export interface Session extends Omit<SessionRecord, 'tokenHash' | 'data'> {
  readonly data: Readonly<SessionData>;
  /** The store's time at which the session was found live. */
  readonly checkedAt: Date;
  /**
   * `onAnomaly` answered `step-up`: `SessionGuard` refuses the session where that is not allowed for, until `reauthenticate`
   * says that its user proved who they are.
   */
  readonly awaitsReauthentication: boolean;
}

/** A session with a user, as `SessionGuard` lets it in unless a handler is `@AllowAnonymous()`. */
export type UserSession = Session & { readonly userId: string };

export function hasUser(session: Session): session is UserSession {
  return session.userId !== null;
}

/** Whether `onAnomaly` stopped a session that awaits no second factor, which would be a proof too. */
export function isDoubted(session: Session): boolean {
  return session.awaitsReauthentication && !session.awaitsSecondFactor;
}

/** Whether nobody is signed in by a live session yet, or any more: its user has to prove something first. */
export function awaitsProof(session: Session): boolean {
  return session.awaitsSecondFactor || session.awaitsReauthentication;
}

/** What `authenticate` says of a live session. */
export function outcomeOf(session: Session) {
  if (session.awaitsSecondFactor) return 'awaits-second-factor';
  return session.awaitsReauthentication ? 'awaits-reauthentication' : 'live';
}

/** Order for lists: last seen first, then newest first. */
export function compareByActivity(a: Session, b: Session): number {
  return b.lastSeenAt.getTime() - a.lastSeenAt.getTime() || (a.id < b.id ? 1 : -1);
}

/** Freezes a value that JSON can hold, members included, and returns it. */
export function deepFreeze<T>(value: T): T {
  // A proxy stands for data that is not at hand: looking into it throws, and it refuses changes itself.
  if (typeof value === 'object' && value !== null && !types.isProxy(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
