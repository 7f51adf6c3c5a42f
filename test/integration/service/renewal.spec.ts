import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { RevocationIncompleteError, SessionStoreUnavailableError, type AuthenticateOutcome } from 'nest-sessions';
import { sessionIdBytes } from '#src/core/session/session-id.js';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService } from '../../contract/harnesses/service-setup.js';
import { Gate } from '../../support/barrier.js';
import { createDue, createFollowed, getRenewed, setUpRenewal } from './renewal-world.js';

const OLD_KEY = 'old key: at least thirty-two bytes of it';
const NEW_KEY = 'new key: at least thirty-two bytes of it';
const times = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));
const tokenOf = (outcome: AuthenticateOutcome) => (outcome.outcome !== 'absent' ? outcome.token : outcome.reason);

describe.each(STORE_HARNESSES)('periodic rotation on the %s store (I7, RFC 9700 4.14.2)', (_name, createHarness) => {
  let world: StoreWorld;

  beforeAll(async () => {
    const harness = await createHarness();
    world = new StoreWorld(harness, await harness.secondInstance());
  });
  afterAll(() => world.harness.close());

  it('is off by default: tokens are given out once and stored as their hash alone', async () => {
    const { service, watched } = setUpService(world.store);
    const { session, token } = await service.create({ userId: world.newUserId() });
    await world.waitUntilPast(new Date(session.createdAt.getTime() + 100));
    watched.clear();
    expect(await service.authenticate(token)).not.toHaveProperty('token');
    expect(watched.calls).toEqual(['find']);
    const rotated = await service.rotate(token);
    assert(rotated.rotated);
    expect((await world.getLive(session.id)).tokenHash).toHaveLength(32);
  });

  it('leaves a token alone until it is old enough', async () => {
    const { patient } = setUpRenewal(world.store);
    const { first } = await createDue(world, patient);
    patient.watched.clear();
    expect(tokenOf(await patient.service.authenticate(first))).toBeUndefined();
    expect(patient.watched.calls).toEqual(['find']);
  });

  it('gives 30 parallel requests on two instances one and the same successor, and refuses none of them', async () => {
    const [here, there] = [setUpRenewal(world.store), setUpRenewal(world.other)];
    const { first, id } = await createDue(world, here.eager);
    const outcomes = await Promise.all(
      times(30, (index) => (index % 2 ? here : there).eager.service.authenticate(first)),
    );
    const [second, ...others] = new Set(outcomes.map(tokenOf));
    expect(others).toEqual([]);
    expect(second).toMatch(/^[A-Za-z0-9_-]{64}$/);
    expect(second).not.toBe(first);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(times(30, () => 'live'));

    // Across the promotion: half come with the new token, half still with the old one.
    const later = await Promise.all(
      times(30, (index) => {
        const { service } = (index % 4 < 2 ? here : there).patient;
        return service.authenticate(index % 2 ? second : first);
      }),
    );
    expect(later.map(({ outcome }) => outcome)).toEqual(times(30, () => 'live'));
    expect(later.map(tokenOf)).toEqual(times(30, (index) => (index % 2 ? undefined : second)));
    const heard = [here, there].flatMap(({ eager, patient }) => [...eager.heard, ...patient.heard]);
    const rotated = heard.filter(([name]) => name === 'rotated').map(([, event]) => event);
    expect(rotated).toMatchObject([{ id }]);
  });

  it('has one successor when the slower of two requests finds it made already', async () => {
    const [slow, fast] = [setUpRenewal(world.store), setUpRenewal(world.other)];
    const { first } = await createDue(world, fast.eager);
    const gate = new Gate();
    slow.eager.watched.before('rotate', () => gate.pass());
    const delayed = slow.eager.service.authenticate(first);
    await gate.reached;
    const second = await getRenewed(fast.eager.service, first);
    gate.open();
    expect(tokenOf(await delayed)).toBe(second);
  });

  it('survives the loss of the response that carried the successor', async () => {
    const { eager, patient } = setUpRenewal(world.store);
    const { first, session } = await createDue(world, eager);
    const second = await getRenewed(eager.service, first);
    await world.waitUntilPast(new Date(session.createdAt.getTime() + 100));
    eager.watched.clear();
    expect(await getRenewed(eager.service, first)).toBe(second);
    expect(await getRenewed(patient.service, first)).toBe(second);
    expect(eager.watched.calls).toEqual(['find']);
  });

  it('does not prolong a session past its absolute timeout', async () => {
    const { service } = setUpService(world.store, { rotateEveryMs: 1, idleTimeoutMs: 700, absoluteTimeoutMs: 700 });
    const { session, token } = await service.create({ userId: world.newUserId() });
    await world.waitUntilPast(session.createdAt);
    const second = await getRenewed(service, token);
    await world.waitUntilPast(session.absoluteExpiresAt);
    expect((await service.authenticate(token)).outcome).toBe('absent');
    expect((await service.authenticate(second)).outcome).toBe('absent');
  });

  it('lets a late tab in during the grace, and gives it the token that is current', async () => {
    const { eager, patient } = setUpRenewal(world.store);
    const { first, second } = await createFollowed(world, { eager, promoter: patient });
    for (const { service } of [patient, setUpRenewal(world.other).patient]) {
      expect(await getRenewed(service, first)).toBe(second);
      expect(tokenOf(await service.authenticate(second))).toBeUndefined();
    }
  });

  it('ends the session when a token is used after its grace, once, for everybody (reuse)', async () => {
    const { eager, strict } = setUpRenewal(world.store);
    const { id, session, first, second } = await createFollowed(world, { eager, promoter: strict });
    expect(tokenOf(await strict.service.authenticate(second))).toBeUndefined();
    strict.heard.splice(0);
    const refused = await Promise.all(times(10, () => strict.service.authenticate(first)));
    expect(refused.map(({ outcome }) => outcome)).toEqual(times(10, () => 'absent'));
    expect(refused.map(tokenOf)).toContain('reuse');
    expect((await strict.service.authenticate(second)).outcome).toBe('absent');
    await world.assertOver(session);
    const { userId } = session;
    expect(strict.heard).toEqual([
      ['reuse-detected', { id, userId, detectedAt: expect.any(Date), isRevoked: true }],
      ['ended', expect.objectContaining({ id, userId, endReason: 'reuse', endedBy: null })],
    ]);
  });

  it('knows a token of several rotations ago', async () => {
    const { eager, patient, strict } = setUpRenewal(world.store);
    const { first, second, session } = await createFollowed(world, { eager, promoter: patient });
    const third = await getRenewed(eager.service, second);
    expect((await patient.service.authenticate(third)).outcome).toBe('live');
    expect(await strict.service.authenticate(first)).toEqual({ outcome: 'absent', reason: 'reuse' });
    await world.assertOver(session);
  });

  it('does not take a wrong secret for reuse', async () => {
    const { eager, strict } = setUpRenewal(world.store);
    const { id, second } = await createFollowed(world, { eager, promoter: strict });
    const before = await world.getLive(id);
    const guess = Buffer.concat([sessionIdBytes(id), randomBytes(32)]).toString('base64url');
    expect(await strict.service.authenticate(guess)).toEqual({ outcome: 'absent', reason: 'wrong-secret' });
    expect((await world.getLive(id)).version).toBe(before.version);
    expect((await strict.service.authenticate(second)).outcome).toBe('live');
  });

  it.each(['rotate', 'reauthenticate'] as const)(
    'has no grace in %s: one token is left, whichever was shown (ASVS 7.2.4)',
    async (how) => {
      const { eager, patient } = setUpRenewal(world.store);
      const replace = (token: string) =>
        how === 'rotate' ? patient.service.rotate(token) : patient.service.reauthenticate(token, { amr: ['otp'] });
      const due = await createDue(world, eager);
      const pending = { ...due, second: await getRenewed(eager.service, due.first) };
      const shown = [
        { ...pending, token: pending.first },
        await createFollowed(world, { eager, promoter: patient }).then((s) => ({ ...s, token: s.first })),
        await createFollowed(world, { eager, promoter: patient }).then((s) => ({ ...s, token: s.second })),
      ];
      for (const { first, second, token } of shown) {
        const replaced = await replace(token);
        assert(replaced.rotated);
        for (const dead of [first, second]) {
          expect(await patient.service.authenticate(dead)).toEqual({ outcome: 'absent', reason: 'wrong-secret' });
        }
        const outcome = await patient.service.authenticate(replaced.token);
        expect(outcome).toMatchObject({ outcome: 'live' });
        expect(outcome).not.toHaveProperty('token');
      }
    },
  );

  it('lets one of 20 parallel rotations win, with either token (expressjs/session#425)', async () => {
    const { eager, patient } = setUpRenewal(world.store);
    const { first, second } = await createFollowed(world, { eager, promoter: patient });
    const outcomes = await Promise.all(times(20, (index) => patient.service.rotate(index % 2 ? first : second)));
    expect(outcomes.filter(({ rotated }) => rotated)).toHaveLength(1);
    const winner = outcomes.find(({ rotated }) => rotated);
    assert(winner?.rotated);
    expect((await patient.service.authenticate(winner.token)).outcome).toBe('live');
  });

  it('rotates on demand although renewals come between', async () => {
    const { eager, patient } = setUpRenewal(world.store);
    const { first } = await createDue(world, eager);
    let renewals = 0;
    patient.watched.before('rotate', async () => {
      if (renewals++ === 0) await getRenewed(eager.service, first);
      else if (renewals === 2)
        await eager.service.authenticate(await getRenewed(eager.service, first), { rotate: false });
    });
    const rotated = await patient.service.rotate(first);
    expect(rotated.rotated).toBe(true);
    expect(renewals).toBe(3);
  });

  it('ends the session that a sign-in replaces, with any of its tokens', async () => {
    const { eager, patient } = setUpRenewal(world.store);
    const { first, second, session } = await createFollowed(world, { eager, promoter: patient });
    await patient.service.create({ userId: session.userId, replacesToken: first });
    expect((await patient.service.authenticate(second)).outcome).toBe('absent');
    expect(patient.heard.at(-1)).toEqual(['ended', expect.objectContaining({ endReason: 'replaced' })]);
  });

  it('makes and names no successor for a client that cannot take it', async () => {
    const { eager, patient } = setUpRenewal(world.store);
    const { first, id } = await createDue(world, eager);
    const before = await world.getLive(id);
    expect(tokenOf(await eager.service.authenticate(first, { rotate: false }))).toBeUndefined();
    expect((await world.getLive(id)).tokenHash).toEqual(before.tokenHash);
    const second = await getRenewed(eager.service, first);
    expect(tokenOf(await eager.service.authenticate(first, { rotate: false }))).toBeUndefined();
    expect(tokenOf(await patient.service.authenticate(second, { rotate: false }))).toBeUndefined();
    expect(await getRenewed(patient.service, first)).toBe(second);
  });

  it('is never a reason for 503: without an answer the client keeps its token', async () => {
    const { eager } = setUpRenewal(world.store);
    const { first, id } = await createDue(world, eager);
    eager.watched.before('rotate', () => Promise.reject(new SessionStoreUnavailableError('test', 'no answer')));
    eager.watched.clear();
    const outcomes = [await eager.service.authenticate(first), await eager.service.authenticate(first)];
    expect(outcomes.map(tokenOf)).toEqual([undefined, undefined]);
    // The second one did not wait for a store that had just not answered.
    expect(eager.watched.calls).toEqual(['find', 'rotate', 'find']);
    expect(eager.lines.filter((line) => line.startsWith('debug'))).toEqual([
      `debug: the token of session ${id} was not renewed: session store "test" is unavailable: no answer`,
    ]);
  });

  it('accepts a successor whose promotion could not be stored', async () => {
    const [{ eager }, { patient }] = [setUpRenewal(world.store), setUpRenewal(world.store)];
    const { first } = await createDue(world, eager);
    const second = await getRenewed(eager.service, first);
    patient.watched.before('rotate', () => Promise.reject(new RevocationIncompleteError('test', 'redis')));
    expect(tokenOf(await patient.service.authenticate(second))).toBeUndefined();
    expect(await getRenewed(patient.service, first)).toBe(second);
  });

  it('refuses a reused token although its session could not be ended, and reports it', async () => {
    const { eager, strict } = setUpRenewal(world.store);
    const { id, first, session } = await createFollowed(world, { eager, promoter: strict });
    const blocked = setUpRenewal(world.store).strict;
    blocked.watched.before('revoke', () => Promise.reject(new RevocationIncompleteError('test', 'redis')));
    expect(await blocked.service.authenticate(first)).toEqual({ outcome: 'absent', reason: 'reuse' });
    expect(blocked.heard).toEqual([['reuse-detected', expect.objectContaining({ id, isRevoked: false })]]);
    expect(await strict.service.authenticate(first)).toEqual({ outcome: 'absent', reason: 'reuse' });
    await world.assertOver(session);
  });

  it('does not end a session for a rotation that its own request was too slow to make', async () => {
    const { eager, strict } = setUpRenewal(world.store);
    const { first, second } = await createFollowed(world, { eager, promoter: strict });
    expect(await strict.service.rotate(first)).toEqual({ rotated: false, reason: 'absent' });
    expect((await strict.service.authenticate(second)).outcome).toBe('live');
  });

  it('goes on when the token key is changed in between', async () => {
    const before = setUpRenewal(world.store, { tokenKeys: [OLD_KEY] });
    const after = setUpRenewal(world.store, { tokenKeys: [NEW_KEY, OLD_KEY] });
    const { first, id } = await createDue(world, before.eager);
    const second = await getRenewed(before.eager.service, first);
    const rehashing = setUpService(world.store, { tokenKeys: [NEW_KEY, OLD_KEY], touchIntervalMs: 1 });
    const stored = (await world.getLive(id)).tokenHash;
    expect(tokenOf(await rehashing.service.authenticate(first))).toBe(second);
    await rehashing.touches.settle();
    expect((await world.getLive(id)).tokenHash).not.toEqual(stored);
    const newestOnly = await world.getLive(id);
    expect(newestOnly.tokenHash.subarray(32)).toEqual(stored.subarray(32));
    expect(await getRenewed(after.patient.service, first)).toBe(second);
    expect((await after.strict.service.authenticate(second)).outcome).toBe('live');
    await world.waitUntilPast((await world.getLive(id)).lastSeenAt);
    await world.waitUntilPast(await world.now());
    expect(await after.strict.service.authenticate(first)).toEqual({ outcome: 'absent', reason: 'reuse' });
  });

  it('reveals no token or hash', async () => {
    const { eager, strict, patient } = setUpRenewal(world.store);
    const { id, first, second } = await createFollowed(world, { eager, promoter: strict });
    const { tokenHash } = await world.getLive(id);
    await strict.service.authenticate(first);
    const said = JSON.stringify([eager, strict, patient].map(({ heard, lines }) => ({ heard, lines })));
    const secrets = [first, second].map((token) => token.slice(22));
    const hash = Buffer.from(tokenHash);
    for (const secret of [...secrets, hash.toString('base64url', 0, 24), hash.toString('hex', 0, 16)]) {
      expect(said).not.toContain(secret);
    }
    expect(said).toContain(id);
  });
});
