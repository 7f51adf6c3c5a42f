import { describe, expect, it } from '@jest/globals';
import { Gate } from '../../testing/world/gate.js';
import { aNewSession } from '../../testing/index.js';
import { MemorySessionStore } from '../../stores/memory/index.js';
import type { JsonObject } from '../session/session-data.js';
import {
  SessionArgumentError,
  SessionDataTooLargeError,
  SessionUpdateConflictError,
} from '../session/session-errors.js';
import type { SessionDataChange, UpdateOutcome } from '../ports/session-store.js';
import { SessionUpdater } from './session-updater.js';

const MAX_BYTES = 200;

/** A store in which, when asked to, another process writes just before every update. */
class ContendedStore extends MemorySessionStore {
  readonly calls: string[] = [];
  rivals = 0;

  override async find(id: string) {
    this.calls.push('find');
    return super.find(id);
  }

  override async update(change: SessionDataChange): Promise<UpdateOutcome> {
    this.calls.push('update');
    if (this.rivals > 0) {
      this.rivals -= 1;
      const found = await super.find(change.id);
      if (found.live) {
        const data = { ...found.record.data, rival: this.rivals };
        await super.update({ id: change.id, expectedVersion: found.record.version, data });
      }
    }
    return super.update(change);
  }
}

async function setUp(data: JsonObject = {}) {
  const store = new ContendedStore({ maxSessions: 10, now: () => new Date() });
  const outcome = await store.create(aNewSession({ userId: 'ada', data }));
  if (!outcome.created) throw new Error(outcome.reason);
  return { store, record: outcome.record, updater: new SessionUpdater(store, MAX_BYTES) };
}

describe('SessionUpdater', () => {
  it('refuses an update of a session within its own update function, and goes on afterwards', async () => {
    const { record, updater } = await setUp();
    const nested = updater.update(record, async (data) => {
      await updater.update(record, (inner) => inner);
      return data;
    });
    await expect(nested).rejects.toThrow(SessionArgumentError);
    expect((await updater.update(record, () => ({ after: true })))?.record.data).toEqual({ after: true });
  });

  it('lets no update wait for ever: one within its own function, after an await, fails and lets others go on', async () => {
    const { store, record } = await setUp();
    const updater = new SessionUpdater(store, MAX_BYTES, 50);
    const nested = updater.update(record, async (data) => {
      await Promise.resolve();
      await updater.update(record, (inner) => inner);
      return data;
    });
    await expect(nested).rejects.toThrow(SessionUpdateConflictError);
    await expect(nested).rejects.toThrow(/waited 50 ms .*must not update their own session/);
    expect((await updater.update(record, () => ({ after: true })))?.record.data).toEqual({ after: true });
  });

  it('writes nothing later for an update that waited too long', async () => {
    const { store, record } = await setUp();
    const updater = new SessionUpdater(store, MAX_BYTES, 50);
    const gate = new Gate();
    const slow = updater.update(record, async (data) => {
      await gate.opened;
      return { ...data, slow: true };
    });
    const waiting = updater.update(record, (data) => ({ ...data, waiting: true }));
    await expect(waiting).rejects.toThrow(SessionUpdateConflictError);
    gate.open();
    expect((await slow)?.record.data).toEqual({ slow: true });
    expect((await updater.update(record, (data) => ({ ...data, last: true })))?.record.data).toEqual({
      slow: true,
      last: true,
    });
  });

  it('updates other sessions within an update function', async () => {
    const { store, record, updater } = await setUp();
    const other = await store.create(aNewSession({ userId: 'ada' }));
    if (!other.created) throw new Error(other.reason);
    const updated = await updater.update(record, async (data) => {
      await updater.update(other.record, () => ({ inner: true }));
      return { ...data, outer: true };
    });
    expect(updated?.record.data).toEqual({ outer: true });
  });

  it('needs no read when the session is at hand', async () => {
    const { store, record, updater } = await setUp();
    const updated = await updater.update(record, (data) => ({ ...data, a: 1 }));
    expect(updated?.record).toMatchObject({ data: { a: 1 }, version: 2 });
    expect(store.calls).toEqual(['update']);
  });

  it('reads once when only the id is', async () => {
    const { store, record, updater } = await setUp({ a: 1 });
    const updated = await updater.update({ id: record.id }, (data) => ({ ...data, b: 2 }));
    expect(updated?.record.data).toEqual({ a: 1, b: 2 });
    expect(store.calls).toEqual(['find', 'update']);
  });

  it('starts again from the current record after a conflict, without another read', async () => {
    const { store, record, updater } = await setUp();
    store.rivals = 3;
    const seen: JsonObject[] = [];
    const updated = await updater.update(record, (data) => {
      seen.push(data);
      return { ...data, mine: true };
    });
    expect(seen).toEqual([{}, { rival: 2 }, { rival: 1 }, { rival: 0 }]);
    expect(updated?.record.data).toEqual({ rival: 0, mine: true });
    expect(store.calls).toEqual(['update', 'update', 'update', 'update']);
  });

  it('gives up after 64 attempts and writes nothing then', async () => {
    const { store, record, updater } = await setUp();
    store.rivals = Infinity;
    const attempt = updater.update(record, (data) => ({ ...data, mine: true }));
    await expect(attempt).rejects.toThrow(SessionUpdateConflictError);
    expect(store.calls).toHaveLength(64);
    const found = await store.find(record.id);
    expect(found.live && found.record.data).not.toHaveProperty('mine');
  });

  it('resolves to undefined when the session has ended, before or during the change', async () => {
    const { store, record, updater } = await setUp();
    const started = new Gate();
    const mayEnd = new Gate();
    const update = updater.update(record, async () => {
      started.open();
      await mayEnd.opened;
      return { late: true };
    });
    await started.opened;
    await store.revoke({ id: record.id, reason: 'logout', endedBy: null });
    mayEnd.open();
    expect(await update).toBeUndefined();
    expect(await updater.update({ id: record.id }, () => ({}))).toBeUndefined();
  });

  it('writes nothing when the change is too large, is not JSON, or throws', async () => {
    const { store, record, updater } = await setUp();
    await expect(updater.update(record, () => ({ a: 'x'.repeat(MAX_BYTES) }))).rejects.toThrow(
      SessionDataTooLargeError,
    );
    await expect(updater.update(record, () => ({ a: new Date() }))).rejects.toThrow(SessionArgumentError);
    const broken = updater.update(record, () => {
      throw new Error('broken');
    });
    await expect(broken).rejects.toThrow('broken');
    expect(store.calls).toEqual([]);
    expect((await updater.update(record, () => ({ fine: true })))?.record.version).toBe(2);
  });

  it('makes updates of one session in this process wait for each other, so that they cause no conflict', async () => {
    const { store, record, updater } = await setUp({ n: 0 });
    const updates = Array.from({ length: 100 }, () =>
      updater.update({ id: record.id }, (data) => ({ n: Number(data['n']) + 1 })),
    );
    await Promise.all(updates);
    const found = await store.find(record.id);
    expect(found.live && found.record).toMatchObject({ data: { n: 100 }, version: 101 });
    expect(store.calls.filter((call) => call === 'update')).toHaveLength(100);
  });
});
