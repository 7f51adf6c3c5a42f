import { types } from 'node:util';
import type { SessionData } from './session-data.js';
import type { SessionRecord } from './session-record.js';

/**
 * A live session, as a frozen snapshot taken at `checkedAt`. It holds no secret and may be returned from an API. Change it
 * through `SessionService`; assigning to it or to its data throws.
 */
export interface Session extends Omit<SessionRecord, 'tokenHash' | 'data'> {
  readonly data: Readonly<SessionData>;
  /** The store's time at which the session was found live. */
  readonly checkedAt: Date;
  /**
   * `onAnomaly` returned `step-up`. `SessionGuard` refuses the session until its user reauthenticates, except on handlers
   * marked `@AllowReauthentication()`.
   */
  readonly awaitsReauthentication: boolean;
}

/** A session with a user, which `SessionGuard` requires except on handlers marked `@AllowAnonymous()`. */
export type UserSession = Session & { readonly userId: string };

export function hasUser(session: Session): session is UserSession {
  return session.userId !== null;
}

/** Returns whether a session awaits reauthentication alone. A pending second factor is a proof as well and goes first. */
export function isDoubted(session: Session): boolean {
  return session.awaitsReauthentication && !session.awaitsSecondFactor;
}

/** Returns whether a live session signs nobody in until its user proves a second factor or reauthenticates. */
export function awaitsProof(session: Session): boolean {
  return session.awaitsSecondFactor || session.awaitsReauthentication;
}

/** Returns the outcome of `authenticate` for a live session. */
export function outcomeOf(session: Session) {
  if (session.awaitsSecondFactor) return 'awaits-second-factor';
  return session.awaitsReauthentication ? 'awaits-reauthentication' : 'live';
}

/** Sorts last seen first, and newest first among equals. */
export function compareByActivity(a: Session, b: Session): number {
  return b.lastSeenAt.getTime() - a.lastSeenAt.getTime() || (a.id < b.id ? 1 : -1);
}

/** Freezes a JSON value with all its members, and returns it. */
export function deepFreeze<T>(value: T): T {
  // A proxy stands for data that is unavailable: reading it throws, and it refuses changes itself.
  if (typeof value === 'object' && value !== null && !types.isProxy(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
