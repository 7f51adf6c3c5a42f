import type { SessionStore } from 'nest-sessions/store';
import type { FakeClock } from 'nest-sessions/testing';

/** A mistake that stores of this kind were seen to make, and the group of the contract that has to notice. */
export interface Sabotage {
  readonly does: string;
  readonly subject: string;
  readonly sabotage: (store: SessionStore, clock: FakeClock) => Partial<SessionStore>;
}
