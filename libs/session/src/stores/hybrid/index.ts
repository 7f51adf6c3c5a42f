export { HybridSessionStore } from './store/hybrid-session.store.js';
export { hybridStore, type HybridStoreOptions } from './store/hybrid-store.js';
export type { ReconcileQuery, ReconcileResult } from './upkeep/session-reconciler.js';
