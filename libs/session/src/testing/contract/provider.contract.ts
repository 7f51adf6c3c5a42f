import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { EndedSession, SessionRecord } from '../../core/session/session-record.js';
import type { NewSession, SessionStore } from '../../core/ports/session-store.js';
import { anAuthentication, anIdLike, aTokenHash } from '../world/new-session.js';
import type { StoreWorld } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { HOUR_MS } from '../world/durations.js';

const LOGOUT = { reason: 'idp-logout', endedBy: null } as const;

interface Provider {
  readonly issuer: string;
  readonly sessionId: string;
}

/** A provider's session that no other test knows. */
const aProvider = (overrides: Partial<Provider> = {}): Provider => ({
  issuer: 'https://idp.example',
  sessionId: randomUUID(),
  ...overrides,
});

const signedInBy = (provider: Provider | (Omit<Provider, 'sessionId'> & { readonly sessionId: null })) =>
  anAuthentication({ identityProvider: { ...provider, authenticatedAt: null } });

const signIn = (
  world: StoreWorld,
  provider: Provider,
  overrides: Partial<NewSession> = {},
  store: SessionStore = world.store,
) => world.create({ userId: world.newUserId(), ...signedInBy(provider), ...overrides }, store);

const reauthentication = (record: SessionRecord, provider: Provider, at: Date | null = null) => ({
  id: record.id,
  expectedTokenHash: record.tokenHash,
  tokenHash: aTokenHash(),
  cause: 'rotation' as const,
  authentication: {
    ...anAuthentication({ identityProvider: { ...provider, authenticatedAt: at } }),
    idleTimeoutMs: HOUR_MS,
    absoluteTimeoutMs: 2 * HOUR_MS,
  },
});

const idsOf = (sessions: readonly { readonly id: string }[]) => sessions.map(({ id }) => id).toSorted();

/** Logout that comes from the identity provider (ASVS 7.6.1, OpenID Connect Back-Channel Logout 2.7). */
export const providerContract: ContractGroup = {
  subject: 'revokeByIdentityProvider',
  define(prove) {
    prove('ends exactly the sessions that rest on this session of this provider, and says which', async (world) => {
      const provider = aProvider();
      const userId = world.newUserId();
      const meant = [await signIn(world, provider, { userId }), await signIn(world, provider, { userId }, world.other)];
      const others = [
        await signIn(world, aProvider(), { userId }),
        await signIn(world, aProvider({ ...provider, issuer: 'https://other.example' }), { userId }),
        await world.create({ userId, ...signedInBy({ ...provider, sessionId: null }) }),
        await world.create({ userId }),
        await world.create({ userId: null }),
      ];
      const before = await world.now();
      const ended = await world.other.revokeByIdentityProvider({ ...provider, reason: 'idp-logout', endedBy: 'idp' });
      assert.deepEqual(idsOf(ended), idsOf(meant));
      for (const { endedAt, userId: owner, endReason, endedBy } of ended) {
        assert.deepEqual([owner, endReason, endedBy], [userId, 'idp-logout', 'idp']);
        assert(before.getTime() - 25 <= endedAt.getTime() && endedAt <= (await world.now()));
      }
      for (const one of meant) await world.assertOver(one);
      for (const { id } of others) await world.getLive(id);
      assert.deepEqual(await world.store.revokeByIdentityProvider({ ...provider, ...LOGOUT }), []);
    });

    prove('knows no session by a name that it has not', async (world) => {
      const stored = await signIn(world, aProvider({ issuer: 'https://idp.example/a', sessionId: 'b' }));
      for (const [issuer, sessionId] of [
        ['https://idp.example/', 'ab'],
        ['https://idp.example/ab', ''],
        ['https://idp.example/a', 'B'],
        ['https://idp.example/a', 'b '],
        ['b', 'https://idp.example/a'],
      ] as const) {
        assert.deepEqual(await world.store.revokeByIdentityProvider({ issuer, sessionId, ...LOGOUT }), []);
      }
      await world.getLive(stored.id);
    });

    prove('compares names as they are, whatever they look like in a record', async (world) => {
      const plain = aProvider();
      const names = [
        `${plain.sessionId}","at":1,"x":"`,
        `${plain.sessionId}\\`,
        `{"idp":{"iss":"${plain.issuer}","sid":"${plain.sessionId}"}}`,
        `${plain.sessionId}|ü%_*`,
      ];
      const bystander = await signIn(world, plain);
      for (const sessionId of names) {
        const provider = { ...plain, sessionId };
        const stored = await signIn(world, provider, { amr: [`"idp":{"iss":"${plain.issuer}"`, 'pwd'] });
        const ended = await world.store.revokeByIdentityProvider({ ...provider, ...LOGOUT });
        assert.deepEqual(idsOf(ended), [stored.id], sessionId);
        await world.assertOver(stored);
      }
      await world.getLive(bystander.id);
    });

    prove('with a user, ends only sessions of that user, and can still end the others', async (world) => {
      const provider = aProvider();
      const mine = await signIn(world, provider);
      const likeMine = await signIn(world, provider, { id: anIdLike(mine.id) });
      const theirs = await signIn(world, provider);
      const { userId } = mine;
      assert(userId !== null);
      const ended = await world.store.revokeByIdentityProvider({ ...provider, userId, ...LOGOUT });
      assert.deepEqual(idsOf(ended), [mine.id]);
      for (const { id } of [likeMine, theirs]) await world.getLive(id);
      const rest = await world.other.revokeByIdentityProvider({ ...provider, ...LOGOUT });
      assert.deepEqual(idsOf(rest), idsOf([likeMine, theirs]));
    });

    prove('follows a session to the provider session of its latest authentication', async (world) => {
      const [first, second] = [aProvider(), aProvider({ issuer: 'https://other.example' })];
      const [local, moved] = [await world.create({ userId: world.newUserId() }), await signIn(world, first)];
      for (const one of [local, moved]) {
        assert((await world.store.rotate(reauthentication(one, second))).applied);
      }
      assert.deepEqual(await world.store.revokeByIdentityProvider({ ...first, ...LOGOUT }), []);
      for (const { id } of [local, moved]) await world.getLive(id);
      const ended = await world.other.revokeByIdentityProvider({ ...second, ...LOGOUT });
      assert.deepEqual(idsOf(ended), idsOf([local, moved]));
      for (const one of [local, moved]) await world.assertOver(one);
    });

    prove('finds a session that was rotated, touched and changed since', async (world) => {
      const provider = aProvider();
      const record = await signIn(world, provider);
      const { id, tokenHash, version } = record;
      assert((await world.store.update({ id, expectedVersion: version, data: { cart: 1 } })).applied);
      await world.touch({ id, idleTimeoutMs: HOUR_MS, touchIntervalMs: 0 });
      const rotation = { id, expectedTokenHash: tokenHash, tokenHash: aTokenHash(), cause: 'rotation' } as const;
      assert((await world.other.rotate(rotation)).applied);
      assert.deepEqual(idsOf(await world.store.revokeByIdentityProvider({ ...provider, ...LOGOUT })), [id]);
      await world.assertOver(record);
    });

    prove('does not return a session that has expired', async (world) => {
      const provider = aProvider();
      const short = await signIn(world, provider, { idleTimeoutMs: 150 });
      await world.waitUntilPast(short.expiresAt);
      assert.deepEqual(await world.store.revokeByIdentityProvider({ ...provider, ...LOGOUT }), []);
    });

    prove('leaves each sign-in during it either ended or live, and loses none for the next one', async (world) => {
      for (let round = 0; round < 10; round++) {
        const provider = aProvider();
        const userId = world.newUserId();
        const create = (index: number) => signIn(world, provider, { userId }, index % 2 ? world.store : world.other);
        const revoke = (store: SessionStore) => store.revokeByIdentityProvider({ ...provider, ...LOGOUT });
        const before = await Promise.all(Array.from({ length: 4 }, (_, index) => create(index)));
        const first = Array.from({ length: 6 }, (_, index) => create(index));
        const revocations = [revoke(world.store), revoke(world.other)];
        const second = Array.from({ length: 6 }, (_, index) => create(index));
        const ended = (await Promise.all(revocations)).flat();
        const all = [...before, ...(await Promise.all([...first, ...second]))];
        const endedIds = idsOf(ended);
        assert.equal(new Set(endedIds).size, endedIds.length, 'a session ended twice');
        for (const { id } of before) assert(endedIds.includes(id), 'a session that was there before is not ended');
        const live = idsOf(all).filter((id) => !endedIds.includes(id));
        assert.deepEqual(await world.listIds(userId), live);
        assert.deepEqual(
          idsOf(await revoke(world.store)),
          live,
          'a session that stood is lost for the next revocation',
        );
        assert.deepEqual(await world.filterLive(idsOf(all), world.other), []);
      }
    });

    prove('lets no session survive by proving who its user is meanwhile (I2)', async (world) => {
      for (let round = 0; round < 25; round++) {
        const provider = aProvider();
        const records = await Promise.all([1, 2, 3].map(() => signIn(world, provider)));
        const [ended]: [EndedSession[], ...unknown[]] = await Promise.all([
          world.store.revokeByIdentityProvider({ ...provider, ...LOGOUT }),
          ...records.map((record, index) =>
            world.other.rotate(reauthentication(record, provider, new Date(1_700_000_000_000 + round * 10 + index))),
          ),
        ]);
        assert.deepEqual(idsOf(ended), idsOf(records));
        for (const record of records) await world.assertOver(record);
      }
    });
  },
};
