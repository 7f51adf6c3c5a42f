import { SessionStoreUnavailableError, type SessionStoreDefinition } from 'nest-sessions';
import type { SessionRecord, SessionStore } from 'nest-sessions/store';

const AGE_MS = 11 * 60_000;

/** A real store with four switches. Everything else is the store's own doing. */
export class StoreSwitches {
  private readonly aged = new Set<string>();
  isDown = false;
  /** What happens between a request to create a session and its creation, once. */
  beforeCreate: (() => Promise<void>) | undefined;
  /** What happens between the look at a session and what its request does, once. */
  afterFind: (() => Promise<void>) | undefined;

  /** From now on the session's user proved who they are 11 minutes earlier, until they prove it anew. */
  age(sessionId: string): void {
    this.aged.add(sessionId);
  }

  /** What `create` of the definition makes, behind these switches. */
  wrap(definition: SessionStoreDefinition): SessionStoreDefinition {
    return {
      ...definition,
      create: async (context, ...dependencies) => this.control(await definition.create(context, ...dependencies)),
    };
  }

  private control(store: SessionStore): SessionStore {
    const whenUp = <Result>(call: () => Promise<Result>): Promise<Result> =>
      this.isDown ? Promise.reject(new SessionStoreUnavailableError(store.name, 'switched off by a test')) : call();
    return {
      name: store.name,
      start: () => store.start(),
      create: async (session) => {
        const meanwhile = this.beforeCreate;
        this.beforeCreate = undefined;
        await meanwhile?.();
        return whenUp(() => store.create(session));
      },
      find: async (id) => {
        const found = await whenUp(() => store.find(id));
        const meanwhile = this.afterFind;
        this.afterFind = undefined;
        await meanwhile?.();
        return found.live ? { ...found, record: this.withAge(found.record) } : found;
      },
      touch: (touch) => whenUp(() => store.touch(touch)),
      update: (change) => whenUp(() => store.update(change)),
      rotate: async (rotation) => {
        const outcome = await whenUp(() => store.rotate(rotation));
        if (outcome.applied && rotation.authentication) this.aged.delete(rotation.id);
        return outcome;
      },
      revoke: (revocation) => whenUp(() => store.revoke(revocation)),
      revokeAll: (revocation) => whenUp(() => store.revokeAll(revocation)),
      revokeByIdentityProvider: (revocation) => whenUp(() => store.revokeByIdentityProvider(revocation)),
      revokeEverything: (revocation) => whenUp(() => store.revokeEverything(revocation)),
      listByUser: (query) => whenUp(() => store.listByUser(query)),
      cleanUp: (step) => whenUp(() => store.cleanUp(step)),
      flush: () => store.flush(),
      stop: () => store.stop(),
    };
  }

  private withAge(record: SessionRecord): SessionRecord {
    if (!this.aged.has(record.id) || !record.authenticatedAt) return record;
    return { ...record, authenticatedAt: new Date(record.authenticatedAt.getTime() - AGE_MS) };
  }
}
