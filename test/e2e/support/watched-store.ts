import { SessionStoreUnavailableError, type SessionStoreDefinition } from 'nest-sessions';
import type { SessionStore } from 'nest-sessions/store';

type Method = Exclude<keyof SessionStore, 'name' | 'signals'>;

/** A real store that can be made slow or unreachable, and counts what it is asked. */
export class WatchedStore {
  readonly definition: SessionStoreDefinition;
  /** Method names in the order of the calls. */
  readonly calls: Method[] = [];
  /** Runs before every call: throw, or wait. */
  before: (method: Method) => unknown = () => undefined;
  private made: SessionStore | undefined;

  constructor(inner: SessionStoreDefinition) {
    this.definition = {
      ...inner,
      create: async (context, ...dependencies) => {
        this.made = await inner.create(context, ...dependencies);
        return new Proxy(this.made, { get: (store, name) => this.watch(store, name as keyof SessionStore) });
      },
    };
  }

  get store(): SessionStore {
    if (!this.made) throw new Error('the application has not made its store yet');
    return this.made;
  }

  /** Every call to these methods fails from now on; none given: every call but `stop`. */
  breakDown(...methods: Method[]): void {
    this.before = (method) => {
      if (methods.length > 0 ? !methods.includes(method) : method === 'stop') return;
      throw new SessionStoreUnavailableError(this.definition.name, 'the test broke it');
    };
  }

  recover(): void {
    this.before = () => undefined;
  }

  count(method: Method): number {
    return this.calls.filter((call) => call === method).length;
  }

  private watch(store: SessionStore, name: keyof SessionStore): unknown {
    if (name === 'name' || name === 'signals' || !(name in store)) return store[name];
    return async (...args: unknown[]) => {
      this.calls.push(name);
      await this.before(name);
      const method = store[name] as (...inputs: unknown[]) => unknown;
      return method.apply(store, args);
    };
  }
}
