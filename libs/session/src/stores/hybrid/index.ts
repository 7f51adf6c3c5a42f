export { HybridSessionStore } from './hybrid-session.store.js';
export { hybridStore, type HybridStoreOptions } from './hybrid-store.js';
export type { ReconcileQuery, ReconcileResult } from './session-reconciler.js';
