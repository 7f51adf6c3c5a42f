import type {
  CleanUpStep,
  NewSession,
  ProviderRevocation,
  SessionDataChange,
  SessionListQuery,
  SessionRevocation,
  SessionRotation,
  SessionStore,
  SessionTouch,
  TotalRevocation,
  UserRevocation,
} from '../ports/session-store.js';
import type { SessionSignals } from '../ports/session-signals.js';
import type { StoreAvailability } from './security-events.js';
import { StoreOutages } from './store-outages.js';

/**
 * Passes every call on to a store and reports its outages. Calls settle exactly as those of the store itself. `start` and
 * `stop` are not watched: boot throws their errors, and shutdown logs them.
 *
 * Members that only the store's own class has, such as `HybridSessionStore.reconcile`, are reachable under their names.
 */
export class WatchedSessionStore implements SessionStore {
  readonly name: string;
  readonly signals?: SessionSignals;
  // Private to the engine, so that no member of the store's own class has the same name.
  readonly #store: SessionStore;
  readonly #outages: StoreOutages;

  constructor(store: SessionStore, outages: StoreOutages = new StoreOutages()) {
    this.#store = store;
    this.#outages = outages;
    this.name = store.name;
    if (store.signals) this.signals = store.signals;
    this.#exposeOwnMembers();
  }

  /** Adds a listener, which is called once for each outage and once for its end. */
  onAvailabilityChange(listener: (event: StoreAvailability) => void): void {
    this.#outages.listen(listener);
  }

  start() {
    return this.#store.start();
  }

  create(session: NewSession) {
    return this.#watch(this.#store.create(session));
  }

  find(id: string) {
    return this.#watch(this.#store.find(id));
  }

  touch(touch: SessionTouch) {
    return this.#watch(this.#store.touch(touch));
  }

  update(change: SessionDataChange) {
    return this.#watch(this.#store.update(change));
  }

  rotate(rotation: SessionRotation) {
    return this.#watch(this.#store.rotate(rotation));
  }

  revoke(revocation: SessionRevocation) {
    return this.#watch(this.#store.revoke(revocation));
  }

  revokeAll(revocation: UserRevocation) {
    return this.#watch(this.#store.revokeAll(revocation));
  }

  revokeByIdentityProvider(revocation: ProviderRevocation) {
    return this.#watch(this.#store.revokeByIdentityProvider(revocation));
  }

  revokeEverything(revocation: TotalRevocation) {
    return this.#watch(this.#store.revokeEverything(revocation));
  }

  listByUser(query: SessionListQuery) {
    return this.#watch(this.#store.listByUser(query));
  }

  cleanUp(step: CleanUpStep) {
    return this.#watch(this.#store.cleanUp(step));
  }

  flush() {
    return this.#watch(this.#store.flush());
  }

  stop() {
    return this.#store.stop();
  }

  #watch<Result>(result: Result): Result {
    if (result instanceof Promise) void result.then(this.#outages.succeeded, this.#outages.failed);
    return result;
  }

  #exposeOwnMembers(): void {
    const store = this.#store;
    for (let level: object | null = store; level && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
      for (const name of Reflect.ownKeys(level)) {
        if (!(name in this)) Object.defineProperty(this, name, { get: () => this.#ownMember(name) });
      }
    }
  }

  #ownMember(name: string | symbol): unknown {
    const member: unknown = Reflect.get(this.#store, name);
    if (typeof member !== 'function') return member;
    return (...args: unknown[]): unknown => this.#watch(Reflect.apply(member, this.#store, args));
  }
}
