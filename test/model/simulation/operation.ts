import type { World } from './world.js';

export const USERS = ['ada', 'grace'];
export const ISSUER = 'https://idp.example';
/** The sessions at the identity provider to which sessions may belong. */
export const PROVIDER_SESSIONS = ['sid-1', 'sid-2'];

/** A key that holds serials: of two values the higher one is the later one. */
export const DURABLE_KEY = 'durable';

export type Operation = () => Promise<void>;

/** Counts of what one run met, so that a test can check the reach of the simulation. */
export interface Covered {
  operations: number;
  outages: number;
  accepted: number;
  /** Copies of ended sessions that reconciling found. */
  ghosts: number;
  /** Copies with an outdated token that reconciling found. */
  stale: number;
  /** How often a copy was found to be behind in durable keys. */
  behind: number;
  /** How often everything was ended, as its callers were told. */
  everything: number;
  /** How often sessions that were known were ended by the provider's session. */
  byProvider: number;
  /** Rotations that applied, by cause. */
  readonly rotations: { rotation: number; renewal: number; rehash: number };
}

export function providerSession(sessionId: string) {
  return { issuer: ISSUER, sessionId, authenticatedAt: null };
}

export function newHash(world: World): Uint8Array {
  const hash = Buffer.alloc(32);
  hash.writeUInt32BE(world.nextSerial());
  return hash;
}
