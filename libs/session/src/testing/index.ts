export { describeSessionStore } from './contract/describe-session-store.js';
export { FakeClock } from './world/fake-clock.js';
export { anAuthentication, aNewSession, anIdLike, aTokenHash } from './world/new-session.js';
export type { StoreContractOptions, StoreHarness } from './world/store-harness.js';
