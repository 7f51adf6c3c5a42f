import type { AssuranceLevel, OwnSession } from 'nest-sessions';
import { describeClient } from './client-description.js';

/** A session as the JSON API shows it. Nothing in it can be used to act as the session. */
export interface DeviceResponse {
  /** The session's public id, to sign it out by. */
  readonly id: string;
  /** Whether it is the one that asks. */
  readonly current: boolean;
  readonly browser: string | null;
  readonly system: string | null;
  readonly label: string;
  readonly ipAddress: string | null;
  readonly assuranceLevel: AssuranceLevel | null;
  /** Somebody gave the password there and not yet the second factor. */
  readonly awaitsSecondFactor: boolean;
  readonly createdAt: Date;
  readonly lastSeenAt: Date;
  /** If it is not used until then. */
  readonly expiresAt: Date;
}

export function toDeviceResponse(session: OwnSession): DeviceResponse {
  const { browser, system, label } = describeClient(session.userAgent);
  const { id, ipAddress, assuranceLevel, awaitsSecondFactor, createdAt, lastSeenAt, expiresAt } = session;
  const client = { browser, system, label, ipAddress };
  return {
    id,
    current: session.isCurrent,
    ...client,
    assuranceLevel,
    awaitsSecondFactor,
    createdAt,
    lastSeenAt,
    expiresAt,
  };
}
