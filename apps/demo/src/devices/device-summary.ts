import type { Session } from 'nest-sessions';
import { describeMoment } from '../pages/moment.js';
import type { Moment } from '../pages/views.js';
import { describeClient, type ClientDescription } from './client-description.js';
import { describeLevel } from './session-level.js';

/** A session as the pages show it. */
export interface DeviceSummary extends ClientDescription {
  readonly id: string;
  readonly ipAddress: string | null;
  /** The assurance level of the session. */
  readonly level: string;
  /** Somebody gave the password there and not yet the second factor. */
  readonly awaitsSecondFactor: boolean;
  readonly started: Moment;
  readonly lastActive: Moment;
}

/** Times are seen from the store's clock, which stamped them, not from this computer's. */
export function summarizeDevice(session: Session): DeviceSummary {
  return {
    ...describeClient(session.userAgent),
    id: session.id,
    ipAddress: session.ipAddress,
    level: describeLevel(session),
    awaitsSecondFactor: session.awaitsSecondFactor,
    started: describeMoment(session.createdAt, session.checkedAt),
    lastActive: describeMoment(session.lastSeenAt, session.checkedAt),
  };
}
