export { MemorySessionStore } from './store/memory-session.store.js';
export { memoryStore, type MemoryStoreOptions } from './store/memory-store.js';
