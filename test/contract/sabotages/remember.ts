import type { SessionRecord, SessionStore } from 'nest-sessions/store';

/** Remembers every record that was read, as a request holds on to it. */
export function remember(store: SessionStore) {
  const seen = new Map<string, SessionRecord>();
  return {
    seen,
    find: async (id: string) => {
      const found = await store.find(id);
      if (found.live) seen.set(id, found.record);
      return found;
    },
  };
}
