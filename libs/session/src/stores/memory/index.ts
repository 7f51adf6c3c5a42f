export { MemorySessionStore } from './memory-session.store.js';
export { memoryStore, type MemoryStoreOptions } from './memory-store.js';
