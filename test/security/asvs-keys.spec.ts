import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import * as crypto from 'node:crypto';
import type { SessionModuleOptions } from 'nest-sessions';
import type { AdapterName, TestApp, TestAppSettings } from '../e2e/support/test-app.js';
import { MINUTE_MS } from '#src/testing/world/durations.js';

/** Which algorithms were asked for, and which lengths were compared in constant time. */
const used: string[] = [];
const compared: number[] = [];

jest.unstable_mockModule('node:crypto', () => ({
  ...crypto,
  createHash: (algorithm: string) => (used.push(algorithm), crypto.createHash(algorithm)),
  createHmac: (algorithm: string, key: Buffer) => (used.push(algorithm), crypto.createHmac(algorithm, key)),
  hkdfSync: (...args: Parameters<typeof crypto.hkdfSync>) => (used.push(args[0]), crypto.hkdfSync(...args)),
  createCipheriv: (...args: Parameters<typeof crypto.createCipheriv>) => (
    used.push(args[0]),
    crypto.createCipheriv(...args)
  ),
  timingSafeEqual: (left: Uint8Array, right: Uint8Array) => (
    compared.push(left.byteLength),
    crypto.timingSafeEqual(left, right)
  ),
}));

const { memoryStore, SessionModule, SessionPolicyDescription, SessionService } = await import('nest-sessions');
const { FakeClock } = await import('nest-sessions/testing');
const { AccountController } = await import('../e2e/support/account.controller.js');
const { FormsController } = await import('../e2e/support/forms.controller.js');
const { CollectingLogger, createAdapter, startTestApp } = await import('../e2e/support/test-app.js');
const { TestClient } = await import('../e2e/support/test-client.js');
const { shareMemory } = await import('../support/shared-backends.js');

const KEYS = ['first secret key, of 32 bytes or more', 'another secret key, 32 bytes or more'] as const;

describe.each<AdapterName>(['express', 'fastify'])(
  'ASVS 5.0 V6.5, V11 and V13.3, hashes and keys, on %s',
  (adapter) => {
    const apps: TestApp[] = [];

    beforeEach(() => void (used.length = compared.length = 0));
    afterEach(async () => {
      for (const app of apps.splice(0)) await app.close();
    });

    const start = async (options: TestAppSettings['options'] = {}) => {
      const app = await startTestApp({ adapter, options, controllers: [AccountController, FormsController] });
      apps.push(app);
      used.length = compared.length = 0;
      return app;
    };

    const signIn = async (app: TestApp) => {
      const browser = app.openBrowser();
      const { id } = (await browser.post('/sign-in', { userId: 'ada' })).json() as { id: string };
      return { browser, id };
    };

    const statusOf = async (app: TestApp, token: string) =>
      (await app.client.send({ path: '/me', cookies: [`__Host-session=${token}`] })).status;

    const storedHash = async (app: TestApp, id: string) => {
      const found = await app.store.store.find(id);
      if (!found.live) throw new Error(`the session is ${found.reason}`);
      return Buffer.from(found.record.tokenHash);
    };

    it.each([undefined, [KEYS[0]]])(
      'V6.5.2 keeps a fast hash of enough random bits, with which a thief of the store cannot come in (%j)',
      async (tokenKeys) => {
        const app = await start({ tokenKeys });
        const randomBytes = tokenKeys ? 24 : 32;
        const secrets: Buffer[] = [];
        for (let times = 0; times < 200; times++) {
          const { token } = await app.sessions.create({ userId: 'ada' });
          secrets.push(Buffer.from(token, 'base64url').subarray(16, 16 + randomBytes));
        }
        for (let bit = 0; bit < randomBytes * 8; bit++) {
          const ones = secrets.filter((secret) => ((secret[bit >> 3] ?? 0) >> (bit & 7)) & 1).length;
          expect([bit, ones > 40 && ones < 160]).toEqual([bit, true]);
        }
        const { browser, id } = await signIn(app);
        const hash = await storedHash(app, id);
        const bytes = Buffer.from(browser.token, 'base64url');
        expect(bytes.includes(hash) || hash.includes(bytes.subarray(16))).toBe(false);
        const stolen = Buffer.concat([bytes.subarray(0, 16), hash.subarray(0, 32)]).toString('base64url');
        expect([await statusOf(app, stolen), await statusOf(app, browser.token)]).toEqual([401, 200]);
      },
    );

    it('V11.2.2 lets the key of stored hashes be replaced while people stay signed in', async () => {
      const clock = new FakeClock();
      const shared = shareMemory(memoryStore({ now: clock.now }));
      const first = await start({ store: shared.define(), tokenKeys: [KEYS[0]] });
      const { browser, id } = await signIn(first);
      const underOldKey = await storedHash(first, id);
      const second = await start({ store: shared.define(), tokenKeys: [KEYS[1], KEYS[0]] });
      clock.advance(2 * MINUTE_MS);
      expect(await statusOf(second, browser.token)).toBe(200);
      // The end of an instance waits for its touches, by which hashes are renewed.
      await second.close();
      apps.splice(apps.indexOf(second), 1);
      expect((await storedHash(first, id)).equals(underOldKey)).toBe(false);
      const third = await start({ store: shared.define(), tokenKeys: [KEYS[1], KEYS[0]] });
      expect(await statusOf(third, browser.token)).toBe(200);
    });

    it('V11.2.4 compares secrets in constant time, and asks the store the same whatever the secret', async () => {
      for (const tokenKeys of [undefined, [...KEYS]]) {
        const app = await start({ tokenKeys, csrf: { token: 'required' } });
        const { token } = await app.sessions.create({ userId: 'ada' });
        const bytes = Buffer.from(token, 'base64url');
        const answers = new Set<string>();
        // The first byte of the secret, one in its middle, and the last one, which with keys is of a MAC.
        for (const at of [16, 30, 47]) {
          const wrong = Buffer.from(bytes);
          wrong[at] = (wrong[at] ?? 0) ^ 1;
          compared.length = app.store.calls.length = 0;
          const { status, text } = await app.client.send({
            path: '/me',
            cookies: [`__Host-session=${wrong.toString('base64url')}`],
          });
          answers.add(JSON.stringify([status, text, app.store.calls, compared]));
        }
        const [answer, ...more] = [...answers].map((one) => JSON.parse(one) as unknown[]);
        expect(more).toEqual([]);
        // With keys both MACs are looked at and the store is never asked; without, there is one hash to compare.
        expect(answer?.slice(2)).toEqual(tokenKeys ? [[], [8, 8]] : [['find'], [32]]);
        compared.length = 0;
        const headers = { 'X-CSRF-Token': 'A'.repeat(86) };
        const cookies = [`__Host-session=${token}`];
        const forged = await app.client.send({ method: 'POST', path: '/note', headers, cookies, body: {} });
        // The CSRF token, and the hash of the session that it would have to protect.
        expect([forged.status, compared.filter((length) => length === 32)]).toEqual([403, [32, 32]]);
      }
    });

    it.each([undefined, [KEYS[0]]])('V11.4.1 uses SHA-256 and AES-GCM and nothing older (%j)', async (tokenKeys) => {
      const clock = new FakeClock();
      const app = await start({
        store: memoryStore({ now: clock.now }),
        tokenKeys,
        rotation: { every: '15m' },
        csrf: { token: 'required' },
        ipAddresses: { mode: 'hashed', key: KEYS[1] ?? '' },
      });
      const { browser } = await signIn(app);
      clock.advance(16 * MINUTE_MS);
      for (const path of ['/me', '/forms/csrf-token', '/devices']) expect((await browser.get(path)).status).toBe(200);
      await browser.post('/sign-out');
      expect(new Set(used)).toEqual(new Set(['sha256', 'aes-256-gcm']));
    });

    it('V13.3.1 takes keys from wherever they are kept, when it starts, and shows them to nobody', async () => {
      let isAsked = false;

      @Injectable()
      class Vault {
        async readKeys(): Promise<string[]> {
          await new Promise(setImmediate);
          isAsked = true;
          return [...KEYS];
        }
      }

      @Module({ providers: [Vault], exports: [Vault] })
      class VaultModule {}

      const options = {
        imports: [VaultModule],
        inject: [Vault],
        useFactory: async (vault: Vault): Promise<SessionModuleOptions> => ({
          store: memoryStore(),
          cleanup: false,
          tokenKeys: await vault.readKeys(),
        }),
      };

      @Module({ imports: [SessionModule.forRootAsync(options)], controllers: [AccountController] })
      class RootModule {}

      const logger = new CollectingLogger();
      const nest = await NestFactory.create(RootModule, createAdapter({ adapter }), { logger, abortOnError: false });
      await nest.listen(0, '127.0.0.1');
      const client = new TestClient(await nest.getUrl());
      try {
        const { token } = await nest.get(SessionService).create({ userId: 'ada' });
        const answer = await client.send({ path: '/me', cookies: [`__Host-session=${token}`] });
        expect([isAsked, answer.status]).toEqual([true, 200]);
        const described = nest.get(SessionPolicyDescription);
        expect(described.describePolicy().token).toMatchObject({ storedAs: 'HMAC-SHA-256', keys: 2 });
        const shown = [answer.text, JSON.stringify(answer.headers), String(described), ...logger.lines].join('\n');
        for (const key of KEYS) {
          for (const form of [key, Buffer.from(key).toString('base64'), Buffer.from(key).toString('hex')]) {
            expect(shown).not.toContain(form);
          }
        }
      } finally {
        client.close();
        await nest.close();
      }
    });

    it('V13.3.4 lets keys be rotated: sessions go over to the new one, and the old one opens nothing any more', async () => {
      const shared = shareMemory();
      const withKeys = (...tokenKeys: string[]) => start({ store: shared.define(), tokenKeys });
      const before = await withKeys(KEYS[0]);
      const [{ browser }, { browser: absent }] = [await signIn(before), await signIn(before)];
      const during = await withKeys(KEYS[1], KEYS[0]);
      expect(await statusOf(during, browser.token)).toBe(200);
      const { setCookies } = await during.client.send({
        method: 'POST',
        path: '/rotate',
        cookies: [`__Host-session=${browser.token}`],
      });
      const [, renewed = ''] = /^__Host-session=([^;]+)/.exec(setCookies[0] ?? '') ?? [];
      const after = await withKeys(KEYS[1]);
      expect(await statusOf(after, renewed)).toBe(200);
      after.store.calls.length = 0;
      // Whoever has the old key, or a token that was made with it, is turned away at the door.
      for (const old of [browser.token, absent.token]) expect(await statusOf(after, old)).toBe(401);
      expect(after.store.calls).toEqual([]);
    });
  },
);
