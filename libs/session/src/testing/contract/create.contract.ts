import type { SessionAuthentication } from '../../core/session/session-record.js';
import { anAuthentication, aNewSession, aTokenHash } from '../world/new-session.js';
import assert from 'node:assert/strict';
import { plain } from '../world/store-world.js';
import type { ContractGroup } from './contract-group.js';
import { MINUTE_MS } from '../world/durations.js';

export const createContract: ContractGroup = {
  subject: 'create and find',
  define(prove) {
    prove(
      'keeps how the user was authenticated, level, pending factor and identity provider included',
      async (world) => {
        const authentication: SessionAuthentication = {
          amr: ['pwd'],
          assuranceLevel: 'aal1',
          awaitsSecondFactor: true,
          identityProvider: {
            issuer: 'https://idp.example/ü',
            sessionId: 'sid|1',
            authenticatedAt: new Date(1_700_000_000_123),
          },
        };
        const created = await world.create({ userId: world.newUserId(), ...authentication });
        const found = await world.getLive(created.id);
        const [listed] = (await world.other.listByUser({ userId: String(created.userId) })).records;
        for (const { amr, assuranceLevel, awaitsSecondFactor, identityProvider } of [created, found, listed ?? found]) {
          const { authenticatedAt, ...provider } = identityProvider ?? assert.fail('the identity provider is missing');
          assert.equal(authenticatedAt?.getTime(), 1_700_000_000_123);
          assert.deepEqual([[...amr], assuranceLevel, awaitsSecondFactor], [['pwd'], 'aal1', true]);
          assert.deepEqual(provider, { issuer: 'https://idp.example/ü', sessionId: 'sid|1' });
        }
        const bare = await world.create({
          userId: world.newUserId(),
          assuranceLevel: 'aal3',
          identityProvider: { issuer: 'https://idp.example', sessionId: null, authenticatedAt: null },
        });
        const { assuranceLevel, awaitsSecondFactor, identityProvider } = await world.getLive(bare.id);
        assert.deepEqual([assuranceLevel, awaitsSecondFactor], ['aal3', false]);
        assert.deepEqual(
          { ...identityProvider },
          { issuer: 'https://idp.example', sessionId: null, authenticatedAt: null },
        );
      },
    );

    prove('keeps everything that it was given, on every instance', async (world) => {
      const userId = world.newUserId();
      const wanted = aNewSession({
        userId,
        data: { theme: 'dark', cart: [{ sku: 'a-1', count: 2 }] },
        amr: ['pwd', 'otp'],
        ipAddress: '2001:db8::1',
        userAgent: 'Agent "7" \\ {}; ünïcödé 🦊',
        device: 'Ada’s phone',
      });
      const outcome = await world.store.create(wanted);
      assert(outcome.created);
      assert.deepEqual(outcome.ended, []);
      const { record } = outcome;
      assert.equal(record.id, wanted.id);
      assert.equal(record.userId, userId);
      assert.deepEqual(Buffer.from(record.tokenHash), Buffer.from(wanted.tokenHash));
      assert.deepEqual(record.data, wanted.data);
      assert.deepEqual([...record.amr], ['pwd', 'otp']);
      assert.equal(record.ipAddress, '2001:db8::1');
      assert.equal(record.userAgent, wanted.userAgent);
      assert.equal(record.device, 'Ada’s phone');
      assert.equal(record.version, 1);
      assert.deepEqual(plain(await world.getLive(wanted.id)), plain(record));
    });

    prove('keeps an anonymous session and what is unknown of a client as null', async (world) => {
      const created = await world.create({ userId: null, ipAddress: null, userAgent: null, device: null, amr: [] });
      const record = await world.getLive(created.id);
      assert.equal(record.userId, null);
      assert.equal(record.authenticatedAt, null);
      assert.equal(record.ipAddress, null);
      assert.equal(record.userAgent, null);
      assert.equal(record.device, null);
      assert.deepEqual([...record.amr], []);
    });

    prove('keeps every byte of a token hash', async (world) => {
      const userId = world.newUserId();
      const hashes = [0x00, 0x0a, 0x7c, 0x80, 0xff].map((byte) => new Uint8Array(32).fill(byte));
      hashes.push(Uint8Array.from({ length: 32 }, (_, index) => index * 8));
      for (const tokenHash of hashes) {
        const { id } = await world.create({ userId, tokenHash });
        assert.deepEqual(Buffer.from((await world.getLive(id)).tokenHash), Buffer.from(tokenHash));
      }
    });

    prove('keeps authentication methods and device labels as they are, whatever they contain', async (world) => {
      const userId = world.newUserId();
      for (const text of ['', ' ', ',', '"', '{}', '{a,b}', 'NULL', 'null', "it's", '\\', '|', '🦊', 'x'.repeat(100)]) {
        const { id } = await world.create({ userId, amr: [text, 'pwd', text], device: text, userAgent: text });
        const { amr, device, userAgent } = await world.getLive(id);
        assert.deepEqual([[...amr], device, userAgent], [[text, 'pwd', text], text, text]);
      }
    });

    prove('tells users apart whose ids differ in case, space, or accents', async (world) => {
      const userIdFor = (name: string) => world.harness.userIdFor?.(name) ?? name;
      const base = world.newUserId();
      const names = ['ada', 'Ada', ' ada', 'ada ', 'ad\u00e1', 'ada\u0301', 'ada|', 'ada:{}', "ada'", 'ada%', '🦊'];
      const users = [...names.map((name) => userIdFor(`${base}${name}`)), userIdFor(base.padEnd(255, 'x'))];
      const records = await Promise.all(users.map((userId) => world.create({ userId })));
      for (const [index, userId] of users.entries()) {
        assert.equal((await world.getLive(records[index]?.id ?? '')).userId, userId);
        assert.deepEqual(await world.listIds(userId), [records[index]?.id]);
      }
    });

    prove('stamps every instant by the clock of the backend', async (world) => {
      const before = await world.now();
      const outcome = await world.store.create(
        aNewSession({ userId: world.newUserId(), idleTimeoutMs: MINUTE_MS, absoluteTimeoutMs: 10 * MINUTE_MS }),
      );
      assert(outcome.created);
      const { record, now } = outcome;
      const after = await world.now();
      assert(before <= record.createdAt && record.createdAt <= after, 'createdAt is not of the backend');
      assert(before <= now && now <= after, 'now is not of the backend');
      assert.deepEqual(record.lastSeenAt, record.createdAt);
      assert.deepEqual(record.authenticatedAt, record.createdAt);
      assert.equal(record.expiresAt.getTime() - record.createdAt.getTime(), MINUTE_MS);
      assert.equal(record.absoluteExpiresAt.getTime() - record.createdAt.getTime(), 10 * MINUTE_MS);
    });

    prove('never lets the idle expiry pass the absolute one', async (world) => {
      const record = await world.create({ idleTimeoutMs: 10 * MINUTE_MS, absoluteTimeoutMs: MINUTE_MS });
      assert.deepEqual(record.expiresAt, record.absoluteExpiresAt);
      assert.equal(record.absoluteExpiresAt.getTime() - record.createdAt.getTime(), MINUTE_MS);
    });

    prove('refuses the id of a live session and leaves that session as it is', async (world) => {
      const mine = await world.create({ userId: world.newUserId(), data: { mine: true } });
      const stranger = world.newUserId();
      const outcome = await world.other.create(aNewSession({ id: mine.id, userId: stranger, data: { mine: false } }));
      assert.deepEqual(outcome, { created: false, reason: 'id-taken' });
      assert.deepEqual(plain(await world.getLive(mine.id)), plain(mine));
      assert.deepEqual(await world.listIds(stranger), []);
    });

    prove('gives an id to exactly one of 20 parallel creations', async (world) => {
      const userId = world.newUserId();
      const { id } = aNewSession({ userId });
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          (index % 2 ? world.store : world.other).create(aNewSession({ id, userId, data: { index } })),
        ),
      );
      const created = outcomes.filter((outcome) => outcome.created);
      assert.equal(created.length, 1);
      assert(outcomes.every((outcome) => outcome.created || outcome.reason === 'id-taken'));
      assert.deepEqual(plain(await world.getLive(id)), plain(created[0]?.record ?? assert.fail()));
      assert.deepEqual(await world.listIds(userId), [id]);
    });

    prove(
      'creates nothing when something is only asked for, changed or ended (I1, expressjs/session#511)',
      async (world) => {
        const { id, userId } = aNewSession({ userId: world.newUserId() });
        const entries = await world.harness.countEntries?.();
        assert.deepEqual(await world.store.find(id), { live: false, reason: 'unknown' });
        assert.equal(await world.touch({ id, idleTimeoutMs: MINUTE_MS, touchIntervalMs: 0 }), false);
        assert.deepEqual(await world.store.update({ id, expectedVersion: 1, data: { x: 1 } }), {
          applied: false,
          reason: 'absent',
        });
        assert.deepEqual(
          await world.store.rotate({
            id,
            expectedTokenHash: aTokenHash(),
            tokenHash: aTokenHash(),
            cause: 'rotation',
            authentication: { ...anAuthentication(), idleTimeoutMs: MINUTE_MS, absoluteTimeoutMs: MINUTE_MS },
          }),
          { applied: false, reason: 'absent' },
        );
        await world.assertOver({ id, userId });
        assert.equal(await world.harness.countEntries?.(), entries);
      },
    );

    prove('does not change a session by reading it 50 times in parallel', async (world) => {
      const record = await world.create({ userId: world.newUserId(), data: { n: 1 } });
      await world.waitUntilPast(record.createdAt);
      const found = await Promise.all(Array.from({ length: 50 }, () => world.store.find(record.id)));
      for (const one of found) {
        assert(one.live);
        assert.deepEqual(plain(one.record), plain(record));
        assert(one.now > record.createdAt);
      }
    });
  },
};
