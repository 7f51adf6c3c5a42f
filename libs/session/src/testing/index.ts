export { describeSessionStore } from './describe-session-store.js';
export { FakeClock } from './fake-clock.js';
export { anAuthentication, aNewSession, anIdLike, aTokenHash } from './new-session.js';
export type { StoreContractOptions, StoreHarness } from './store-harness.js';
