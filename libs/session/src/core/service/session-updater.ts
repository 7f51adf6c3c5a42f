import { setTimeout as wait } from 'node:timers/promises';
import { KeyedQueue } from '../support/keyed-queue.js';
import { assertStorableData, type JsonObject } from '../session/session-data.js';
import { SessionArgumentError, SessionUpdateConflictError } from '../session/session-errors.js';
import type { SessionStore } from '../ports/session-store.js';
import type { LiveSession } from '../session/session-record.js';

const MAX_ATTEMPTS = 64;
const MAX_BACKOFF_MS = 20;
/** How long an update waits for earlier ones of its session in this process, in ms. */
const MAX_WAIT_MS = 10_000;

/** The starting point of an update: the data that the caller has seen, or only the id. */
export type UpdateBase = { readonly id: string; readonly version?: number; readonly data?: JsonObject };

/**
 * Changes a session's data by compare-and-set on its version, with bounded retries. Updates of one session in this process
 * run one after the other, so only other processes cause conflicts.
 */
export class SessionUpdater {
  private readonly queue = new KeyedQueue();
  /** Ids of the sessions whose update function is at its synchronous part. */
  private readonly calling = new Set<string>();

  constructor(
    private readonly store: SessionStore,
    private readonly maxDataBytes: number,
    private readonly maxWaitMs = MAX_WAIT_MS,
  ) {}

  /**
   * @param change - Runs again with newer data after each conflict.
   * @returns The session after the update, or `undefined` when it is not live.
   * @throws {SessionArgumentError} An update function called this for its own session.
   * @throws {SessionUpdateConflictError} Other writers were faster in each attempt, or an earlier update of the session in
   *   this process took more than 10 s. An update function that updates its own session after an `await` ends in this, too.
   */
  async update(base: UpdateBase, change: (data: JsonObject) => JsonObject | Promise<JsonObject>) {
    if (this.calling.has(base.id)) {
      throw new SessionArgumentError(
        `session ${base.id} is updated within its own update function, which would wait for itself: return the new data instead`,
      );
    }
    return this.inTurn(base.id, () => this.compareAndSet(base, (data) => this.call(base.id, () => change(data))));
  }

  /** Runs the task after the earlier ones of this session, unless they take too long. */
  private inTurn<T>(id: string, task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isWaiting = true;
      const timer = setTimeout(() => {
        isWaiting = false;
        const problem =
          `waited ${this.maxWaitMs} ms for an earlier update in this process: update functions should be quick and must ` +
          'not update their own session. Return the new data instead';
        reject(new SessionUpdateConflictError(id, problem));
      }, this.maxWaitMs);
      void this.queue.run(id, async () => {
        clearTimeout(timer);
        if (isWaiting) await task().then(resolve, reject);
      });
    });
  }

  // An AsyncLocalStorage would notice every nested call, but makes each promise of the process slower for good.
  private call<T>(id: string, change: () => T): T {
    this.calling.add(id);
    try {
      return change();
    } finally {
      this.calling.delete(id);
    }
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
    if (!seen) return undefined;
    const problem = `was changed by others during all ${MAX_ATTEMPTS} attempts to update it: try again later`;
    throw new SessionUpdateConflictError(base.id, problem);
  }

  private async startingPoint(base: UpdateBase): Promise<{ version: number; data: JsonObject } | undefined> {
    if (base.version !== undefined && base.data !== undefined) return { version: base.version, data: base.data };
    const found = await this.store.find(base.id);
    return found.live ? found.record : undefined;
  }
}
