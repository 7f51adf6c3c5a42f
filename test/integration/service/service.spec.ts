import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  SessionArgumentError,
  SessionDataTooLargeError,
  SessionLimitReachedError,
  SessionUpdateConflictError,
  type SessionData,
} from 'nest-sessions';
import { anIdLike } from 'nest-sessions/testing';
import { StoreWorld } from '#src/testing/world/store-world.js';
import { STORE_HARNESSES } from '../../contract/harnesses/index.js';
import { setUpService } from '../../contract/harnesses/service-setup.js';

const loose = (data: object): SessionData => data;

describe.each(STORE_HARNESSES)('SessionService on the %s store', (_name, createHarness) => {
  let world: StoreWorld;
  const newUserId = () => world.newUserId();

  beforeAll(async () => {
    const harness = await createHarness();
    world = new StoreWorld(harness, await harness.secondInstance());
  });
  afterAll(() => world.harness.close());

  describe('create', () => {
    it('gives a frozen session without a hash, and the one copy of its token', async () => {
      const { service, heard } = setUpService(world.store);
      const userId = newUserId();
      const { session, token } = await service.create({
        userId,
        data: loose({ theme: 'dark' }),
        amr: ['pwd'],
        ipAddress: '::ffff:203.0.113.7',
        userAgent: `agent\r\nforged line ${'x'.repeat(600)}`,
        device: '  phone\u0007 ',
      });
      expect(token).toMatch(/^[A-Za-z0-9_-]{64}$/);
      expect(session).toMatchObject({ userId, data: { theme: 'dark' }, amr: ['pwd'], version: 1, device: 'phone' });
      expect(session.ipAddress).toBe('203.0.113.7');
      expect(session.userAgent).toHaveLength(512);
      expect(session.userAgent).toMatch(/^agent forged line x+$/);
      expect(session).not.toHaveProperty('tokenHash');
      expect(Object.isFrozen(session)).toBe(true);
      expect(heard).toEqual([['created', session]]);
    });

    it('refuses a wrong user id, data that is not JSON and data that is too large, without a store call', async () => {
      const { service, watched } = setUpService(world.store);
      const userId = newUserId();
      await expect(service.create({ userId: '' })).rejects.toThrow(SessionArgumentError);
      await expect(service.create({ userId: 7 as unknown as string })).rejects.toThrow(SessionArgumentError);
      await expect(service.create({ userId, data: loose({ at: new Date() }) })).rejects.toThrow(SessionArgumentError);
      const large = service.create({ userId, data: loose({ text: 'x'.repeat(4096) }) });
      await expect(large).rejects.toThrow(SessionDataTooLargeError);
      expect(watched.calls).toEqual([]);
    });

    it('tries again when an id is taken', async () => {
      const { service, watched } = setUpService(world.store);
      const userId = newUserId();
      const created = await Promise.all(Array.from({ length: 60 }, () => service.create({ userId })));
      // 60 ids of one user in about one ms out of 4096: some collide now and then, and nobody notices.
      expect(new Set(created.map(({ session }) => session.id)).size).toBe(60);
      expect(watched.calls.length).toBeGreaterThanOrEqual(60);
      expect(await service.listByUser(userId)).toHaveLength(60);
    });

    it('ends the session that the same client held, and carries over only the named keys (expressjs/session#425)', async () => {
      const { service, heard } = setUpService(world.store);
      const visitor = await service.create({ userId: null, data: loose({ cart: [1], csrf: 'secret', lang: 'de' }) });
      const userId = newUserId();
      const signedIn = await service.create({
        userId,
        data: loose({ lang: 'en' }),
        replacesToken: visitor.token,
        carryOver: ['cart', 'lang', 'absent'] as unknown as (keyof SessionData)[],
      });
      expect(signedIn.session.data).toEqual({ cart: [1], lang: 'en' });
      expect(signedIn.session.id).not.toBe(visitor.session.id);
      expect(signedIn.token).not.toBe(visitor.token);
      expect((await service.authenticate(visitor.token)).outcome).toBe('absent');
      expect(await service.authenticate(signedIn.token)).toMatchObject({ outcome: 'live', session: { userId } });
      expect(heard.map(([name, event]) => [name, 'id' in event && event.id])).toEqual([
        ['created', visitor.session.id],
        ['created', signedIn.session.id],
        ['ended', visitor.session.id],
      ]);
      expect(heard[2]?.[1]).toMatchObject({ endReason: 'replaced', userId: null, endedBy: null });
    });

    it('carries nothing over from a token that is not a live session of ours', async () => {
      const { service, heard } = setUpService(world.store);
      const userId = newUserId();
      const old = await service.create({ userId: null, data: loose({ cart: [1] }) });
      await service.revoke(old.session.id);
      heard.length = 0;
      for (const replacesToken of [old.token, 'A'.repeat(64), 'garbage', '']) {
        const carryOver = ['cart'] as unknown as (keyof SessionData)[];
        const { session } = await service.create({ userId, replacesToken, carryOver });
        expect(session.data).toEqual({});
      }
      expect(heard.map(([name]) => name)).toEqual(['created', 'created', 'created', 'created']);
    });

    it('keeps to the limit, reports the evicted session, or refuses with a typed error', async () => {
      const userId = newUserId();
      const evicting = setUpService(world.store, { maxSessionsPerUser: 2 });
      for (let login = 0; login < 3; login++) await evicting.service.create({ userId });
      expect(await evicting.service.listByUser(userId)).toHaveLength(2);
      const ended = evicting.heard.filter(([name]) => name === 'ended').map(([, event]) => event);
      expect(ended).toEqual([expect.objectContaining({ userId, endReason: 'evicted', endedBy: null })]);

      const refusing = setUpService(world.store, { maxSessionsPerUser: 2, onLimit: 'reject' });
      const refused = refusing.service.create({ userId });
      await expect(refused).rejects.toThrow(SessionLimitReachedError);
      await expect(refused).rejects.toMatchObject({ userId, max: 2, code: 'SESSION_LIMIT_REACHED' });
      expect(refusing.heard).toEqual([]);
      await refusing.service.create({ userId: null });
    });
  });

  describe('update', () => {
    it('sets, unsets and increments keys, and returns undefined for a session that has ended', async () => {
      const { service } = setUpService(world.store);
      const { session } = await service.create({ userId: newUserId(), data: loose({ a: 1, b: 2 }) });
      const patch: object = { set: { c: 'new' }, unset: ['a'], increment: { b: 40 } };
      expect((await service.update(session, patch))?.data).toEqual({ b: 42, c: 'new' });
      expect((await service.update(session.id, () => loose({ only: true })))?.data).toEqual({ only: true });
      await service.revoke(session.id);
      expect(await service.update(session, patch)).toBeUndefined();
      expect(await service.update('not an id', patch)).toBeUndefined();
    });

    it('writes nothing when the function gives nothing back, as one that only changes its argument', async () => {
      const { service } = setUpService(world.store);
      const { session } = await service.create({ userId: newUserId(), data: loose({ kept: true }) });
      await expect(service.update(session.id, (() => undefined) as never)).rejects.toThrow(SessionArgumentError);
      expect((await world.getLive(session.id)).data).toEqual({ kept: true });
    });

    it('gives up when another process writes before every attempt, and writes nothing then', async () => {
      const { service, watched } = setUpService(world.store);
      const rival = setUpService(world.other).service;
      const { session } = await service.create({ userId: newUserId(), data: loose({ mine: 0 }) });
      const setMine: object = { set: { mine: 1 } };
      const overtake: object = { increment: { rival: 1 } };
      watched.before('update', () => rival.update(session.id, overtake));
      const attempt = service.update(session, setMine);
      await expect(attempt).rejects.toThrow(SessionUpdateConflictError);
      expect(watched.calls.filter((call) => call === 'update')).toHaveLength(64);
      watched.before('update', () => Promise.resolve());
      const current = await service.update(session.id, (data) => data);
      expect(current?.data).toEqual({ mine: 0, rival: 64 });
    });
  });

  describe('rotate and reauthenticate', () => {
    it('kill the old token and keep the session', async () => {
      const { service, heard } = setUpService(world.store);
      const { session, token } = await service.create({
        userId: newUserId(),
        data: loose({ kept: true }),
        amr: ['pwd'],
      });
      const rotated = await service.rotate(token);
      const stepped = rotated.rotated ? await service.reauthenticate(rotated.token, { amr: ['pwd', 'otp'] }) : rotated;
      if (!rotated.rotated || !stepped.rotated) throw new Error('a rotation did not apply');
      expect(stepped.session).toMatchObject({ id: session.id, data: { kept: true }, amr: ['pwd', 'otp'] });
      expect(Number(stepped.session.authenticatedAt)).toBeGreaterThanOrEqual(Number(session.authenticatedAt));
      for (const dead of [token, rotated.token]) {
        expect(await service.authenticate(dead)).toEqual({ outcome: 'absent', reason: 'wrong-secret' });
        expect(await service.rotate(dead)).toEqual({ rotated: false, reason: 'absent' });
      }
      expect((await service.authenticate(stepped.token)).outcome).toBe('live');
      expect(heard.map(([name]) => name)).toEqual(['created', 'rotated', 'reauthenticated']);
    });

    it('refuse to reauthenticate an anonymous session, which stays as it is', async () => {
      const { service } = setUpService(world.store);
      const { session, token } = await service.create({ userId: null });
      await expect(service.reauthenticate(token, { amr: ['pwd'] })).rejects.toThrow(SessionArgumentError);
      expect(await service.authenticate(token)).toMatchObject({
        outcome: 'live',
        session: { id: session.id, authenticatedAt: null, version: 1 },
      });
    });

    it('do nothing for garbage', async () => {
      const { service, watched } = setUpService(world.store);
      expect(await service.rotate('garbage')).toEqual({ rotated: false, reason: 'absent' });
      expect(await service.reauthenticate('', { amr: [] })).toEqual({ rotated: false, reason: 'absent' });
      expect(watched.calls).toEqual([]);
    });
  });

  describe('revoke, revokeOthers and revokeAll', () => {
    it('reject an undefined owner as a bug instead of revoking anyone’s session', async () => {
      const { service } = setUpService(world.store);
      const { session } = await service.create({ userId: newUserId() });
      await expect(service.revoke(session.id, { userId: undefined })).rejects.toThrow(SessionArgumentError);
      await world.getLive(session.id);
    });

    it('end the sessions that they return, and emit each end once', async () => {
      const { service, heard } = setUpService(world.store);
      const userId = newUserId();
      const [current, other, third] = [
        await service.create({ userId }),
        await service.create({ userId }),
        await service.create({ userId }),
      ];
      heard.length = 0;
      expect(await service.revoke(other.session.id, { reason: 'admin', endedBy: 'operator' })).toBe(true);
      expect(await service.revoke(other.session.id)).toBe(false);
      const ended = await service.revokeOthers(current.session, { endedBy: userId });
      expect(ended.map(({ id }) => id)).toEqual([third.session.id]);
      expect(await service.revokeOthers(current.session)).toEqual([]);
      expect((await service.authenticate(current.token)).outcome).toBe('live');
      expect(await service.revokeAll(userId, { reason: 'logout' })).toHaveLength(1);
      expect((await service.authenticate(current.token)).outcome).toBe('absent');
      expect(heard.map(([, event]) => event)).toEqual([
        expect.objectContaining({ id: other.session.id, endReason: 'admin', endedBy: 'operator' }),
        expect.objectContaining({ id: third.session.id, endReason: 'revoked', endedBy: userId }),
        expect.objectContaining({ id: current.session.id, endReason: 'logout', endedBy: null }),
      ]);
    });

    it('end the sessions of an identity-provider session, and emit each end once (ASVS 7.6.1)', async () => {
      const { service, heard, watched } = setUpService(world.store);
      const provider = { issuer: 'https://idp.example', sessionId: newUserId() };
      const userId = newUserId();
      const [federated, local] = [
        await service.create({ userId, identityProvider: provider }),
        await service.create({ userId }),
      ];
      const steppedUp = await service.reauthenticate(federated.token, { amr: ['otp'] });
      if (!steppedUp.rotated) throw new Error(steppedUp.reason);
      heard.length = 0;
      watched.clear();
      for (const wrong of [
        { ...provider, sessionId: '' },
        { ...provider, sessionId: undefined as unknown as string },
        { ...provider, issuer: 'a\nb' },
        { ...provider, userId: undefined },
        { ...provider, userId: '' },
      ]) {
        await expect(service.revokeByIdentityProvider(wrong)).rejects.toThrow(SessionArgumentError);
      }
      expect(watched.calls).toEqual([]);
      expect(await service.revokeByIdentityProvider({ ...provider, userId: newUserId() })).toEqual([]);
      const ended = await service.revokeByIdentityProvider({ ...provider, endedBy: 'idp' });
      expect(ended).toMatchObject([{ id: federated.session.id, userId, endReason: 'idp-logout', endedBy: 'idp' }]);
      expect(heard).toEqual([['ended', ended[0]]]);
      expect((await service.authenticate(steppedUp.token)).outcome).toBe('absent');
      expect((await service.authenticate(local.token)).outcome).toBe('live');
    });

    it('end everything at once, emit one event, and keep the next sign-in (ASVS 7.4.5)', async () => {
      const { service, heard, watched } = setUpService(world.store);
      const [one, visitor] = [await service.create({ userId: newUserId() }), await service.create({ userId: null })];
      heard.length = 0;
      watched.clear();
      await expect(service.revokeEverything({ before: new Date(NaN) })).rejects.toThrow(SessionArgumentError);
      expect(watched.calls).toEqual([]);
      const ended = await service.revokeEverything({ endedBy: 'operator' });
      expect(ended).toEqual({ before: expect.any(Date), endReason: 'admin', endedBy: 'operator' });
      expect(heard).toEqual([['everything-ended', ended]]);
      for (const { token } of [one, visitor]) expect((await service.authenticate(token)).outcome).toBe('absent');
      const next = await service.create({ userId: newUserId() });
      expect((await service.authenticate(next.token)).outcome).toBe('live');
    });

    it("leave another user's session alone", async () => {
      const { service } = setUpService(world.store);
      const [userId, stranger] = [newUserId(), newUserId()];
      const { session } = await service.create({ userId });
      expect(await service.revoke(session.id, { userId: stranger })).toBe(false);
      expect(await service.revoke(anIdLike(session.id), { userId })).toBe(false);
      expect(await service.revoke("1' or '1'='1", { userId })).toBe(false);
      expect(await service.revokeAll(stranger)).toEqual([]);
      expect(await service.listByUser(userId)).toHaveLength(1);
    });

    it('except nothing when the excepted id is not an id', async () => {
      const { service } = setUpService(world.store);
      const userId = newUserId();
      await service.create({ userId });
      expect(await service.revokeAll(userId, { exceptId: 'not an id' })).toHaveLength(1);
    });

    it('refuse what could reach a stranger', async () => {
      const { service, watched } = setUpService(world.store);
      const visitor = await service.create({ userId: null });
      watched.clear();
      await expect(service.revokeOthers(visitor.session)).rejects.toThrow(SessionArgumentError);
      await expect(service.revokeAll('')).rejects.toThrow(SessionArgumentError);
      for (const reason of ['whim', '', null] as never[]) {
        await expect(service.revoke(visitor.session.id, { reason })).rejects.toThrow('reason must be one of logout, ');
        await expect(service.revokeAll('ada', { reason })).rejects.toThrow(SessionArgumentError);
        await expect(service.revokeOthers({ id: '', userId: 'ada' }, { reason })).rejects.toThrow(SessionArgumentError);
      }
      await expect(service.revoke(visitor.session.id, { userId: ' ' })).rejects.toThrow(SessionArgumentError);
      expect(watched.calls).toEqual([]);
    });
  });

  describe('listByUser', () => {
    it('puts the last seen first and asks the store about data', async () => {
      const { service, touches } = setUpService(world.store, { touchIntervalMs: 0 });
      const userId = newUserId();
      const first = await service.create({ userId, data: loose({ mfaVerified: true }) });
      const second = await service.create({ userId, data: loose({ mfaVerified: false }) });
      await world.waitUntilPast(second.session.createdAt);
      await service.authenticate(first.token);
      await touches.settle();
      const list = await service.listByUser(userId);
      expect(list.map(({ id }) => id)).toEqual([first.session.id, second.session.id]);
      expect(list[0]).not.toHaveProperty('tokenHash');
      const verified = await service.listByUser(userId, { dataContains: loose({ mfaVerified: true }) });
      expect(verified.map(({ id }) => id)).toEqual([first.session.id]);
    });

    it('refuses to be asked about what no data can hold', async () => {
      const { service, watched } = setUpService(world.store);
      const userId = newUserId();
      for (const value of ['x\0', new Date(), NaN]) {
        const asked = service.listByUser(userId, { dataContains: loose({ value }) });
        await expect(asked).rejects.toThrow(SessionArgumentError);
      }
      expect(watched.calls).toEqual([]);
    });
  });
});
