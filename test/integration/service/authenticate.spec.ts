import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { SessionStoreUnavailableError } from 'nest-sessions';
import { createSessionId, sessionIdBytes } from '#src/core/session/session-id.js';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService } from '../../contract/harnesses/service-setup.js';

const OLD_KEY = 'old key: at least thirty-two bytes of it';
const NEW_KEY = 'new key: at least thirty-two bytes of it';

/** What browsers, bots and broken clients send (Django CVE-2015-3982 and its kin). */
const ODD_TOKENS = [
  '',
  ' ',
  'undefined',
  'null',
  '[object Object]',
  'NaN',
  ' '.repeat(64),
  '0'.repeat(63),
  '\0',
  '%00',
  '*',
];

const wellFormedGuess = () =>
  Buffer.concat([sessionIdBytes(createSessionId(null)), randomBytes(32)]).toString('base64url');

describe.each(STORE_HARNESSES)('authenticate on the %s store', (_name, createHarness) => {
  let world: StoreWorld;
  const newUserId = () => world.newUserId();

  beforeAll(async () => {
    const harness = await createHarness();
    world = new StoreWorld(harness, await harness.secondInstance());
  });
  afterAll(() => world.harness.close());

  it('is live for the token of a live session, by one read and no write', async () => {
    const { service, touches, watched } = setUpService(world.store);
    const userId = newUserId();
    const { session, token } = await service.create({ userId });
    watched.clear();
    const outcome = await service.authenticate(token);
    await touches.settle();
    expect(outcome).toMatchObject({ outcome: 'live', session: { id: session.id, userId } });
    expect(watched.calls).toEqual(['find']);
  });

  it('is absent with a reason for the log, and writes nothing', async () => {
    const { service, watched } = setUpService(world.store);
    const { session, token } = await service.create({ userId: newUserId() });
    const tampered = token.slice(0, 63) + (token.endsWith('A') ? 'B' : 'A');
    watched.clear();
    expect(await service.authenticate(undefined)).toEqual({ outcome: 'absent', reason: 'missing' });
    expect(await service.authenticate(token.slice(1))).toEqual({ outcome: 'absent', reason: 'malformed' });
    expect(await service.authenticate(wellFormedGuess())).toEqual({ outcome: 'absent', reason: 'unknown' });
    expect(await service.authenticate(tampered)).toEqual({ outcome: 'absent', reason: 'wrong-secret' });
    expect(new Set(watched.calls)).toEqual(new Set(['find']));
    expect((await service.authenticate(token)).outcome).toBe('live');
    await service.revoke(session.id);
    const { outcome, ...rest } = await service.authenticate(token);
    expect(outcome).toBe('absent');
    expect(['ended', 'unknown']).toContain(Object.values(rest)[0]);
  });

  it('is an error, never an absence, when the store does not answer (I8)', async () => {
    const own = await createHarness();
    const { service } = setUpService(own.store);
    const { session, token } = await service.create({ userId: newUserId() });
    await own.store.stop();
    for (const call of [
      () => service.authenticate(token),
      () => service.create({ userId: session.userId }),
      () => service.create({ userId: session.userId, replacesToken: token }),
      () => service.update(session, () => ({})),
      () => service.rotate(token),
      () => service.revoke(session.id),
      () => service.revokeAll(session.userId ?? ''),
      () => service.listByUser(session.userId ?? ''),
    ]) {
      await expect(call()).rejects.toThrow(SessionStoreUnavailableError);
    }
    expect(await service.authenticate('garbage')).toEqual({ outcome: 'absent', reason: 'malformed' });
    await own.close();
  });

  it('turns 10,000 garbage tokens away without a store call, and stores nothing (I10, expressjs/session#511)', async () => {
    const { service, watched } = setUpService(world.store, { tokenKeys: [NEW_KEY] });
    const entries = await world.harness.countEntries?.();
    const garbage = Array.from({ length: 10_000 }, (_, index) => {
      const odd = ODD_TOKENS[index % (ODD_TOKENS.length + 3)];
      return odd ?? (index % 2 ? wellFormedGuess() : randomBytes(index % 100).toString('base64'));
    });
    const outcomes = await Promise.all(garbage.map((token) => service.authenticate(token)));
    expect(outcomes.filter(({ outcome }) => outcome !== 'absent')).toEqual([]);
    expect(watched.calls).toEqual([]);
    expect(await world.harness.countEntries?.()).toBe(entries);
  });

  it('stores nothing for 1,000 well-formed guesses without keys either: one read each', async () => {
    const { service, watched } = setUpService(world.store);
    const entries = await world.harness.countEntries?.();
    for (let batch = 0; batch < 10; batch++) {
      const guesses = Array.from({ length: 100 }, wellFormedGuess);
      const outcomes = await Promise.all(guesses.map((token) => service.authenticate(token)));
      expect(outcomes).toEqual(guesses.map(() => ({ outcome: 'absent', reason: 'unknown' })));
    }
    expect(watched.calls).toEqual(Array(1000).fill('find'));
    expect(await world.harness.countEntries?.()).toBe(entries);
  });

  it('touches once for 1,000 concurrent requests in one interval, and never when told not to', async () => {
    const touchIntervalMs = 400;
    const { service, touches, watched } = setUpService(world.store, { touchIntervalMs });
    const { session, token } = await service.create({ userId: newUserId() });
    await world.waitUntilPast(new Date(session.createdAt.getTime() + touchIntervalMs));
    await Promise.all(Array.from({ length: 100 }, () => service.authenticate(token, { touch: false })));
    expect(watched.calls).not.toContain('touch');

    const startedAtMs = performance.now();
    await Promise.all(Array.from({ length: 1000 }, () => service.authenticate(token)));
    const intervals = Math.ceil((performance.now() - startedAtMs) / touchIntervalMs);
    const touched = watched.calls.filter((call) => call === 'touch').length;
    await touches.settle();
    expect(touched).toBeGreaterThanOrEqual(1);
    expect(touched).toBeLessThanOrEqual(intervals);
    const after = await service.authenticate(token, { touch: false });
    expect(after.outcome === 'live' && after.session.lastSeenAt > session.lastSeenAt).toBe(true);
  });

  describe('with token keys', () => {
    it('moves a session to the newest key at its next touch, unnoticed', async () => {
      const before = setUpService(world.store, { tokenKeys: [OLD_KEY] });
      const { session, token } = await before.service.create({ userId: newUserId() });
      const hashOf = async () => {
        const found = await world.store.find(session.id);
        return found.live ? Buffer.from(found.record.tokenHash).toString('hex') : undefined;
      };
      const oldHash = await hashOf();

      const rolled = setUpService(world.store, { tokenKeys: [NEW_KEY, OLD_KEY], touchIntervalMs: 0 });
      expect((await rolled.service.authenticate(token)).outcome).toBe('live');
      await rolled.touches.settle();
      expect(rolled.watched.calls.toSorted()).toEqual(['find', 'flush', 'rotate', 'touch']);
      const newHash = await hashOf();
      expect(newHash).not.toBe(oldHash);
      expect(rolled.heard).toEqual([]);

      rolled.watched.clear();
      expect((await rolled.service.authenticate(token)).outcome).toBe('live');
      await rolled.touches.settle();
      expect(rolled.watched.calls).not.toContain('rotate');
      expect(await hashOf()).toBe(newHash);
      // An instance that does not know the new key yet has to ask for the sign-in again: roll keys out in two steps.
      expect((await before.service.authenticate(token)).outcome).toBe('absent');
    });

    it('lets the old key go once tokens were issued anew, and forges those that were not', async () => {
      const before = setUpService(world.store, { tokenKeys: [OLD_KEY] });
      const [kept, left] = [
        await before.service.create({ userId: newUserId() }),
        await before.service.create({ userId: null }),
      ];
      const rolled = setUpService(world.store, { tokenKeys: [NEW_KEY, OLD_KEY] });
      const rotated = await rolled.service.rotate(kept.token);
      if (!rotated.rotated) throw new Error(rotated.reason);
      const after = setUpService(world.store, { tokenKeys: [NEW_KEY] });
      expect((await after.service.authenticate(rotated.token)).outcome).toBe('live');
      after.watched.clear();
      expect(await after.service.authenticate(left.token)).toEqual({ outcome: 'absent', reason: 'forged' });
      expect(after.watched.calls).toEqual([]);
    });

    it('loses no rotation to the rehash of 20 requests at the same time', async () => {
      for (let round = 0; round < 10; round++) {
        const before = setUpService(world.store, { tokenKeys: [OLD_KEY] });
        const { token } = await before.service.create({ userId: newUserId() });
        const instances = [world.store, world.other].map((store) =>
          setUpService(store, { tokenKeys: [NEW_KEY, OLD_KEY], touchIntervalMs: 0 }),
        );
        const [rotated] = await Promise.all([
          instances[0]?.service.rotate(token),
          ...Array.from({ length: 20 }, (_, index) => instances[index % 2]?.service.authenticate(token)),
        ]);
        await Promise.all(instances.map(({ touches }) => touches.settle()));
        if (!rotated?.rotated) throw new Error('the rotation lost to a rehash');
        expect((await before.service.authenticate(token)).outcome).toBe('absent');
        expect((await instances[1]?.service.authenticate(rotated.token))?.outcome).toBe('live');
      }
    });
  });

  it('leaves no token and no hash in any event, log line or error (ASVS 16.2.5)', async () => {
    const { service, touches, heard, lines } = setUpService(world.store, {
      touchIntervalMs: 0,
      maxSessionsPerUser: 2,
    });
    const userId = newUserId();
    const secrets: string[] = [];
    const note = async (token: string) => {
      const outcome = await service.authenticate(token);
      const found = outcome.outcome === 'live' ? await world.store.find(outcome.session.id) : undefined;
      const hash = found?.live ? Buffer.from(found.record.tokenHash) : randomBytes(32);
      secrets.push(token, hash.toString('hex'), hash.toString('base64url'), hash.toString('base64'));
    };
    for (let login = 0; login < 4; login++) {
      const { token } = await service.create({ userId });
      await note(token);
      const rotated = await service.rotate(token);
      if (rotated.rotated) await note(rotated.token);
    }
    const [session] = await service.listByUser(userId);
    if (!session) throw new Error('no session');
    const tooLarge: object = { set: { text: 'x'.repeat(5000) } };
    const error: unknown = await service.update(session, tooLarge).catch((reason: unknown) => reason);
    await service.revokeAll(userId);
    await touches.settle();
    const said = JSON.stringify([heard, lines, String(error), session]);
    expect(said).toContain(session.id);
    expect(secrets.filter((secret) => said.includes(secret))).toEqual([]);
  });
});
