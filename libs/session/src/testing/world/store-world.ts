import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { WatchedSessionStore } from '../../core/events/watched-session.store.js';
import { createSessionService } from '../../core/service/create-session-service.js';
import type { SessionPolicy } from '../../core/session/session-policy.js';
import type { SessionRecord } from '../../core/session/session-record.js';
import type { SessionService } from '../../core/service/session-service.js';
import type { FindOutcome, NewSession, SessionStore, SessionTouch } from '../../core/ports/session-store.js';
import { aNewSession } from './new-session.js';
import { RecordingLogger } from './recording-logger.js';
import type { StoreHarness } from './store-harness.js';

/** An instance may know the backend's time by an offset that is a little off. */
const CLOCK_MARGIN_MS = 25;
const POLL_INTERVAL_MS = 20;

const POLICY: SessionPolicy = {
  idleTimeoutMs: 30 * 60_000,
  absoluteTimeoutMs: 12 * 3_600_000,
  touchIntervalMs: 60_000,
  onLimit: 'revoke-oldest',
  secondFactorTimeoutMs: 600_000,
  maxDataBytes: 16 * 1024,
};

/** The world of a contract test: two instances on one backend, and helpers for common checks. */
export class StoreWorld {
  constructor(
    readonly harness: StoreHarness,
    /** Another instance than `store`, on the same backend. */
    readonly other: SessionStore,
  ) {}

  get store(): SessionStore {
    return this.harness.store;
  }

  /** A user that no other test knows. */
  newUserId(): string {
    const name = `user-${randomUUID()}`;
    return this.harness.userIdFor?.(name) ?? name;
  }

  /** Creates a session that must come into being. */
  async create(overrides: Partial<NewSession> = {}, store: SessionStore = this.store): Promise<SessionRecord> {
    const outcome = await store.create(aNewSession(overrides));
    assert(outcome.created, 'the session was not created');
    return outcome.record;
  }

  /** Returns the live record. Fails unless both instances see the same. */
  async getLive(id: string): Promise<SessionRecord> {
    const [seen, seenByOther] = await Promise.all([this.store.find(id), this.other.find(id)]);
    assert(seen.live, `the session is not live: ${JSON.stringify(seen)}`);
    assert(seenByOther.live, `another instance says that the session is not live: ${JSON.stringify(seenByOther)}`);
    assert.deepEqual(plain(seenByOther.record), plain(seen.record));
    return seen.record;
  }

  /** Fails if any instance accepts this session, lists it, or changes it. */
  async assertOver({ id, userId }: Pick<SessionRecord, 'id' | 'userId'>): Promise<void> {
    for (const store of [this.store, this.other]) {
      const found = await store.find(id);
      assert.equal(found.live, false, `session ${id} is live again`);
      assert.equal(await store.revoke({ id, reason: 'revoked', endedBy: null }), undefined);
      if (userId === null) continue;
      const { records } = await store.listByUser({ userId });
      assert.equal(records.map((record) => record.id).includes(id), false, `session ${id} is listed`);
    }
  }

  /** Touches a session and writes a gathered touch at once. */
  async touch(touch: SessionTouch, store: SessionStore = this.store): Promise<boolean> {
    const moved = store.touch(touch);
    await store.flush();
    return moved;
  }

  async listIds(userId: string, store: SessionStore = this.store): Promise<string[]> {
    const { records } = await store.listByUser({ userId });
    return records.map(({ id }) => id).toSorted();
  }

  /** Lists which of these sessions an instance would accept, sorted. */
  async filterLive(ids: readonly string[], store: SessionStore = this.store): Promise<string[]> {
    const outcomes = await Promise.all(ids.map(async (id) => ({ id, found: await store.find(id) })));
    return outcomes
      .filter(({ found }) => found.live)
      .map(({ id }) => id)
      .toSorted();
  }

  /** The backend's time. */
  async now(): Promise<Date> {
    const { now } = await this.store.listByUser({ userId: this.harness.userIdFor?.('nobody') ?? 'nobody' });
    return now;
  }

  /** Resolves once the backend's clock is past this instant: moves a fake clock, or waits for a real one. */
  async waitUntilPast(at: Date): Promise<void> {
    for (;;) {
      const leftMs = at.getTime() + CLOCK_MARGIN_MS - (await this.now()).getTime();
      if (leftMs < 0) return;
      await this.passTime(leftMs + 1);
    }
  }

  /** Finds a session until it is no longer live. Fails if it is still live after `latestAt`. */
  async pollUntilOver(
    id: string,
    { latestAt, eachTime }: { latestAt: Date; eachTime?: () => Promise<unknown> },
  ): Promise<FindOutcome> {
    for (;;) {
      const askedAt = await this.now();
      const found = await this.store.find(id);
      if (!found.live) return found;
      assert(askedAt.getTime() <= latestAt.getTime() + CLOCK_MARGIN_MS, 'a session was returned after its expiry');
      assert(found.now < found.record.expiresAt, 'a session was returned at or after its expiry');
      assert(found.record.expiresAt <= found.record.absoluteExpiresAt, 'expiresAt is past absoluteExpiresAt');
      await eachTime?.();
      await this.passTime(POLL_INTERVAL_MS);
    }
  }

  /** The session service of one process on each of the two instances. */
  services(policy: Partial<SessionPolicy> = {}): { here: SessionService; there: SessionService } {
    const [here, there] = [this.store, this.other].map(
      (store) =>
        createSessionService({
          store: new WatchedSessionStore(store),
          policy: { ...POLICY, ...policy },
          logger: new RecordingLogger(),
        }).service,
    );
    assert(here && there);
    return { here, there };
  }

  private async passTime(ms: number): Promise<void> {
    if (this.harness.advanceTime) this.harness.advanceTime(ms);
    else await wait(Math.min(ms, POLL_INTERVAL_MS));
  }
}

/** A record in a form that compares equal whichever kind of byte array a store returns. */
export function plain(record: SessionRecord) {
  return { ...record, tokenHash: Buffer.from(record.tokenHash).toString('hex') };
}
