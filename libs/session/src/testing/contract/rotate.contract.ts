import { anAuthentication, aTokenHash } from '../world/new-session.js';
import assert from 'node:assert/strict';
import type { SessionRecord } from '../../core/session/session-record.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS, MINUTE_MS } from '../world/durations.js';

/** Everything of a record that no rotation without authentication may change. */
const kept = (record: SessionRecord) => ({ ...record, tokenHash: null, version: null });

export const rotateContract: ContractGroup = {
  subject: 'rotate',
  define(prove) {
    for (const cause of ['rotation', 'renewal', 'rehash'] as const) {
      prove(`replaces the token hash and nothing else but the version (${cause})`, async (world) => {
        const before = await world.create({ userId: world.newUserId(), data: { cart: [1] }, amr: ['pwd'] });
        await world.waitUntilPast(before.createdAt);
        const tokenHash = aTokenHash();
        const outcome = await world.store.rotate({
          id: before.id,
          expectedTokenHash: before.tokenHash,
          tokenHash,
          cause,
        });
        assert(outcome.applied);
        assert(outcome.now > before.createdAt);
        const after = await world.getLive(before.id);
        assert.deepEqual(kept(after), kept(before));
        assert.deepEqual(kept(outcome.record), kept(before));
        assert.deepEqual(Buffer.from(after.tokenHash), Buffer.from(tokenHash));
        assert.deepEqual(Buffer.from(outcome.record.tokenHash), Buffer.from(tokenHash));
        assert.equal(outcome.record.version, after.version);
      });
    }

    prove('starts both timeouts, authenticatedAt and amr anew when the user proved who they are', async (world) => {
      const before = await world.create({
        userId: world.newUserId(),
        data: { kept: true },
        amr: ['pwd'],
        idleTimeoutMs: MINUTE_MS,
        absoluteTimeoutMs: 2 * MINUTE_MS,
      });
      await world.waitUntilPast(before.createdAt);
      const outcome = await world.other.rotate({
        id: before.id,
        expectedTokenHash: before.tokenHash,
        tokenHash: aTokenHash(),
        cause: 'rotation',
        authentication: {
          ...anAuthentication({ amr: ['pwd', 'otp'] }),
          idleTimeoutMs: HOUR_MS,
          absoluteTimeoutMs: 10 * HOUR_MS,
        },
      });
      assert(outcome.applied);
      const after = await world.getLive(before.id);
      const provedAt = after.authenticatedAt ?? assert.fail('authenticatedAt is null');
      assert(provedAt > before.createdAt && provedAt <= (await world.now()));
      assert.deepEqual([...after.amr], ['pwd', 'otp']);
      assert.deepEqual(after.lastSeenAt, provedAt);
      assert.equal(after.expiresAt.getTime() - provedAt.getTime(), HOUR_MS);
      assert.equal(after.absoluteExpiresAt.getTime() - provedAt.getTime(), 10 * HOUR_MS);
      assert.deepEqual(after.createdAt, before.createdAt);
      assert.deepEqual(after.data, before.data);
      assert.deepEqual(
        [after.ipAddress, after.userAgent, after.device],
        [before.ipAddress, before.userAgent, before.device],
      );
    });

    prove('lets a reauthenticated session live past the expiries that it had before', async (world) => {
      const userId = world.newUserId();
      const before = await world.create({ userId, idleTimeoutMs: 200, absoluteTimeoutMs: 200 });
      const outcome = await world.store.rotate({
        id: before.id,
        expectedTokenHash: before.tokenHash,
        tokenHash: aTokenHash(),
        cause: 'rotation',
        authentication: { ...anAuthentication(), idleTimeoutMs: HOUR_MS, absoluteTimeoutMs: HOUR_MS },
      });
      assert(outcome.applied);
      await world.waitUntilPast(before.absoluteExpiresAt);
      await world.getLive(before.id);
      assert.deepEqual(await world.listIds(userId), [before.id]);
    });

    prove('changes nothing when the token hash is no longer the expected one', async (world) => {
      const before = await world.create({ userId: world.newUserId() });
      const first = { id: before.id, expectedTokenHash: before.tokenHash, tokenHash: aTokenHash() };
      assert((await world.other.rotate({ ...first, cause: 'rotation' })).applied);
      const standing = await world.getLive(before.id);
      for (const expectedTokenHash of [before.tokenHash, aTokenHash()]) {
        const late = { id: before.id, expectedTokenHash, tokenHash: aTokenHash(), cause: 'rotation' } as const;
        assert.deepEqual(await world.store.rotate(late), { applied: false, reason: 'superseded' });
      }
      const after = await world.getLive(before.id);
      assert.deepEqual(Buffer.from(after.tokenHash), Buffer.from(first.tokenHash));
      assert.equal(after.version, standing.version);
    });

    prove('holds a token hash of up to 1024 bytes, and compares the whole of it', async (world) => {
      const userId = world.newUserId();
      const { id, tokenHash: first } = await world.create({ userId });
      const long = Uint8Array.from({ length: 1024 }, (_, index) => first[index] ?? index % 256);
      const other = Uint8Array.from(long, (byte, index) => (index === long.length - 1 ? byte ^ 1 : byte));
      const replace = (expectedTokenHash: Uint8Array, tokenHash: Uint8Array) =>
        world.store.rotate({ id, expectedTokenHash, tokenHash, cause: 'renewal' });
      assert((await replace(first, long)).applied);
      for (const expected of [first, other]) {
        assert.deepEqual(await replace(expected, aTokenHash()), { applied: false, reason: 'superseded' });
      }
      const held = await world.getLive(id);
      assert.deepEqual(Buffer.from(held.tokenHash), Buffer.from(long));
      const change = { id, expectedVersion: held.version, data: { kept: true } };
      assert((await world.other.update(change)).applied);
      await world.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
      const { records } = await world.store.listByUser({ userId });
      assert.deepEqual(
        records.map((record) => Buffer.from(record.tokenHash)),
        [Buffer.from(long)],
      );
      assert((await replace(long, aTokenHash())).applied);
    });

    prove('applies exactly one of 20 parallel rotations (I7, expressjs/session#425)', async (world) => {
      const { id, tokenHash: expectedTokenHash } = await world.create({ userId: world.newUserId() });
      const hashes = Array.from({ length: 20 }, aTokenHash);
      const outcomes = await Promise.all(
        hashes.map((tokenHash, index) =>
          (index % 2 ? world.store : world.other).rotate({ id, expectedTokenHash, tokenHash, cause: 'rotation' }),
        ),
      );
      const winners = hashes.filter((_, index) => outcomes[index]?.applied);
      assert.equal(winners.length, 1);
      assert(outcomes.every((outcome) => outcome.applied || outcome.reason === 'superseded'));
      assert.deepEqual(Buffer.from((await world.getLive(id)).tokenHash), Buffer.from(winners[0] ?? assert.fail()));
    });

    prove('and an update of the same version notice each other', async (world) => {
      const { id, version, tokenHash: expectedTokenHash } = await world.create({ userId: world.newUserId() });
      const rotation = { id, expectedTokenHash, tokenHash: aTokenHash(), cause: 'rotation' } as const;
      assert((await world.other.rotate(rotation)).applied);
      const late = await world.store.update({ id, expectedVersion: version, data: { late: true } });
      assert(!late.applied && late.reason === 'conflict');
      assert.equal(late.record.version, version + 1);
      assert.deepEqual(Buffer.from(late.record.tokenHash), Buffer.from(rotation.tokenHash));
      assert((await world.store.update({ id, expectedVersion: late.record.version, data: { late: true } })).applied);
      const after = await world.getLive(id);
      assert.deepEqual(after.data, { late: true });
      assert.deepEqual(Buffer.from(after.tokenHash), Buffer.from(rotation.tokenHash));
    });

    prove('loses neither the new token nor the data when a rotation meets an update, 50 times', async (world) => {
      const userId = world.newUserId();
      for (let round = 0; round < 50; round++) {
        const { id, version, tokenHash: expectedTokenHash } = await world.create({ userId });
        const tokenHash = aTokenHash();
        const [rotated, updated] = await Promise.all([
          world.store.rotate({ id, expectedTokenHash, tokenHash, cause: round % 2 ? 'rotation' : 'rehash' }),
          world.other.update({ id, expectedVersion: version, data: { round } }),
        ]);
        assert(rotated.applied, 'an update kept a rotation from applying');
        const after = await world.getLive(id);
        assert.deepEqual(Buffer.from(after.tokenHash), Buffer.from(tokenHash));
        assert.deepEqual(after.data, updated.applied ? { round } : {});
      }
    });
  },
};
