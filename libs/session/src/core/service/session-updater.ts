import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { KeyedQueue } from '../support/keyed-queue.js';
import { assertStorableData, type JsonObject } from '../session/session-data.js';
import { SessionArgumentError, SessionUpdateConflictError } from '../session/session-errors.js';
import type { SessionStore } from '../ports/session-store.js';
import type { LiveSession } from '../session/session-record.js';

const MAX_ATTEMPTS = 64;
const MAX_BACKOFF_MS = 20;

/** The starting point of an update: the data that the caller has seen, or only the id. */
export type UpdateBase = { readonly id: string; readonly version?: number; readonly data?: JsonObject };

/**
 * Changes a session's data by compare-and-set on its version, with bounded retries. Updates of one session in this process
 * run one after the other, so only other processes cause conflicts.
 */
export class SessionUpdater {
  private readonly queue = new KeyedQueue();
  /** Ids of the sessions whose update function is running around the current call. */
  private readonly updating = new AsyncLocalStorage<ReadonlySet<string>>();

  constructor(
    private readonly store: SessionStore,
    private readonly maxDataBytes: number,
  ) {}

  /**
   * @param change - Runs again with newer data after each conflict.
   * @returns The session after the update, or `undefined` when it is not live.
   */
  async update(base: UpdateBase, change: (data: JsonObject) => JsonObject | Promise<JsonObject>) {
    const outer = this.updating.getStore() ?? new Set<string>();
    if (outer.has(base.id)) {
      throw new SessionArgumentError(
        `session ${base.id} is updated within its own update function, which would wait for itself: return the new data instead`,
      );
    }
    const within = new Set(outer).add(base.id);
    const guarded = (data: JsonObject) => this.updating.run(within, () => change(data));
    return this.queue.run(base.id, () => this.compareAndSet(base, guarded));
  }

  private async compareAndSet(
    base: UpdateBase,
    change: (data: JsonObject) => JsonObject | Promise<JsonObject>,
  ): Promise<LiveSession | undefined> {
    let seen = await this.startingPoint(base);
    for (let attempt = 1; seen && attempt <= MAX_ATTEMPTS; attempt++) {
      const data = await change(seen.data);
      assertStorableData(data, this.maxDataBytes);
      const outcome = await this.store.update({ id: base.id, expectedVersion: seen.version, data });
      if (outcome.applied) return outcome;
      if (outcome.reason === 'absent') return undefined;
      seen = outcome.record;
      await wait(Math.random() * Math.min(attempt, MAX_BACKOFF_MS));
    }
    if (seen) throw new SessionUpdateConflictError(base.id, MAX_ATTEMPTS);
    return undefined;
  }

  private async startingPoint(base: UpdateBase): Promise<{ version: number; data: JsonObject } | undefined> {
    if (base.version !== undefined && base.data !== undefined) return { version: base.version, data: base.data };
    const found = await this.store.find(base.id);
    return found.live ? found.record : undefined;
  }
}
