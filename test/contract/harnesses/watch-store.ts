import type { SessionStore } from 'nest-sessions/store';

type Method = Exclude<keyof SessionStore, 'name' | 'signals'>;

export interface WatchedStore {
  readonly store: SessionStore;
  /** The methods called since the start or the last `clear`, in order. */
  readonly calls: Method[];
  /** Runs before the call of this method reaches the store. */
  before(method: Method, hook: () => Promise<unknown>): void;
  clear(): void;
}

/** Writes down every call that reaches a store. */
export function watchStore(store: SessionStore): WatchedStore {
  const calls: Method[] = [];
  const hooks = new Map<Method, () => Promise<unknown>>();
  const watched = new Proxy(store, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      return async (...input: unknown[]): Promise<unknown> => {
        calls.push(property as Method);
        await hooks.get(property as Method)?.();
        return Reflect.apply(member, target, input) as unknown;
      };
    },
  });
  return {
    store: watched,
    calls,
    before: (method, hook) => void hooks.set(method, hook),
    clear: () => calls.splice(0),
  };
}
