import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as latency } from 'node:timers/promises';
import type { Session } from 'nest-sessions';
import type { E2eStore } from './support/e2e-stores.js';
import { ADAPTERS, startTestApp, type TestApp } from './support/test-app.js';
import type { TestResponse } from './support/test-client.js';

interface SessionView extends Omit<Session, 'createdAt' | 'lastSeenAt' | 'authenticatedAt' | 'checkedAt'> {
  readonly authenticatedAt: string;
  readonly lastSeenAt: string;
}

const viewOf = (response: TestResponse) => response.json() as SessionView;
const listOf = (response: TestResponse) => response.json() as SessionView[];

/** What people do with sessions over HTTP, on both adapters with one store. */
export function describeSessionJourneys(storeName: string, openStore: () => Promise<E2eStore>): void {
  describe.each(ADAPTERS)(`sessions over HTTP: ${storeName} on %s`, (adapter) => {
    let backend: E2eStore;
    let app: TestApp;

    beforeAll(async () => {
      backend = await openStore();
      app = await startTestApp({ adapter, options: { store: backend.definition } });
    });

    afterAll(async () => {
      await app?.close();
      await backend?.close();
    });

    const signIn = async (userId: string, more: object = {}) => {
      const browser = app.openBrowser();
      const response = await browser.post('/sign-in', { userId, amr: ['pwd'], ...more });
      expect(response.status).toBe(201);
      return { browser, session: viewOf(response) };
    };

    it('signs in, answers as that user, changes data, signs out', async () => {
      const { browser, session } = await signIn('ada', { data: { visits: 1 }, device: 'laptop' });
      expect(session).toMatchObject({ userId: 'ada', amr: ['pwd'], device: 'laptop', data: { visits: 1 } });

      const me = viewOf(await browser.get('/me'));
      expect(me).toMatchObject({ id: session.id, userId: 'ada', ipAddress: '127.0.0.1' });

      const noted = viewOf(await browser.post('/note', { note: 'hello' }));
      expect(noted.data).toEqual({ visits: 2, note: 'hello' });
      expect(viewOf(await browser.get('/me')).data).toEqual({ visits: 2, note: 'hello' });

      expect((await browser.post('/sign-out')).json()).toEqual({ ended: true, left: false });
      expect(browser.jar.size).toBe(0);
      expect((await browser.get('/me')).status).toBe(401);
      expect((await browser.post('/sign-out')).json()).toEqual({ ended: false, left: false });
    });

    it('refuses the raw cookie after sign-out (ASVS 7.4.1)', async () => {
      const { browser } = await signIn('replay');
      const thief = browser.clone();
      await browser.post('/sign-out');
      expect((await thief.get('/me')).status).toBe(401);
      expect((await thief.post('/note', { note: 'x' })).status).toBe(401);
    });

    it('never makes a cookie from before sign-in an authenticated one (ASVS 7.2.4, passport CVE-2022-25896)', async () => {
      const victim = app.openBrowser();
      await victim.post('/start', { cart: ['book'] });
      const attacker = victim.clone();
      await victim.post('/sign-in', { userId: 'victim', carryOver: ['cart'] });
      expect(victim.token).not.toBe(attacker.token);
      expect((await attacker.get('/me')).status).toBe(401);
      expect(viewOf(await victim.get('/me'))).toMatchObject({
        userId: 'victim',
        data: { cart: ['book'] },
      });
    });

    it('ends the session that the cookie held when its user signs in again (neiliro/neiliro#43)', async () => {
      const { browser, session: first } = await signIn('again', { data: { note: 'old' } });
      const old = browser.clone();
      const second = viewOf(await browser.post('/sign-in', { userId: 'again' }));
      expect(second.id).not.toBe(first.id);
      expect(second.data).toEqual({});
      expect((await old.get('/me')).status).toBe(401);
      expect(listOf(await browser.get('/devices')).map(({ id }) => id)).toEqual([second.id]);
    });

    it('re-authenticates: a new token, the same session, the old token dead (ASVS 7.2.4)', async () => {
      const { browser, session } = await signIn('step-up');
      const old = browser.clone();
      const { session: renewed } = (await browser.post('/reauthenticate')).json() as { session: SessionView };
      expect(renewed).toMatchObject({ id: session.id, amr: ['pwd', 'otp'] });
      expect(new Date(renewed.authenticatedAt) >= new Date(session.authenticatedAt)).toBe(true);
      expect((await old.get('/me')).status).toBe(401);
      expect((await browser.get('/me')).status).toBe(200);
    });

    it('leaves one live token after 20 parallel rotations, and no request fails (expressjs/session#425)', async () => {
      const { browser } = await signIn('rotator');
      const copies = Array.from({ length: 20 }, () => browser.clone());
      const responses = await Promise.all(copies.map((copy) => copy.post('/rotate')));
      expect(responses.filter(({ status }) => status !== 201 && status !== 401)).toEqual([]);
      const winners = responses.filter(({ setCookies }) => setCookies.length > 0);
      expect(winners).toHaveLength(1);
      const alive = await Promise.all(copies.map(async (copy) => (await copy.get('/me')).status));
      expect(alive.filter((status) => status === 200)).toHaveLength(1);
    });

    it('lists the devices of the user and revokes one by its public id, but nobody else’s (ASVS 7.5.2)', async () => {
      const { browser: laptop, session: laptopSession } = await signIn('bob', { device: 'laptop' });
      const { browser: phone, session: phoneSession } = await signIn('bob', { device: 'phone' });
      const { browser: stranger, session: strangerSession } = await signIn('mallory');

      const devices = listOf(await laptop.get('/devices'));
      expect(new Set(devices.map(({ device }) => device))).toEqual(new Set(['laptop', 'phone']));
      expect(devices).toHaveLength(2);
      expect(JSON.stringify(devices)).not.toContain(phone.token);
      expect(JSON.stringify(devices)).not.toMatch(/hash/i);

      expect((await laptop.send('DELETE', `/devices/${strangerSession.id}`)).json()).toEqual({ revoked: false });
      expect((await laptop.send('DELETE', '/devices/not-an-id')).json()).toEqual({ revoked: false });
      expect((await stranger.get('/me')).status).toBe(200);

      expect((await laptop.send('DELETE', `/devices/${phoneSession.id}`)).json()).toEqual({ revoked: true });
      expect((await phone.get('/me')).status).toBe(401);
      expect((await laptop.send('DELETE', `/devices/${phoneSession.id}`)).json()).toEqual({ revoked: false });

      const own = await laptop.send('DELETE', `/devices/${laptopSession.id}`);
      expect(own.json()).toEqual({ revoked: true });
      expect(laptop.jar.size).toBe(0);
    });

    it('signs out all other devices and keeps this one (better-auth/better-auth#8551)', async () => {
      const { browser } = await signIn('carol');
      const others = await Promise.all(Array.from({ length: 4 }, () => signIn('carol')));
      expect((await browser.send('DELETE', '/devices')).json()).toEqual({ revoked: 4 });
      const statuses = await Promise.all(others.map(async (other) => (await other.browser.get('/me')).status));
      expect(statuses).toEqual([401, 401, 401, 401]);
      expect((await browser.get('/me')).status).toBe(200);
    });

    it('refuses every change of one character of a token', async () => {
      const { browser, session } = await signIn('tampered');
      const positions = Array.from({ length: 64 }, (_, index) => index);
      const outcomes = await Promise.all(
        positions.map(async (index) => {
          const forged = browser.clone();
          const other = browser.token[index] === 'A' ? 'B' : 'A';
          forged.jar.set('__Host-session', browser.token.slice(0, index) + other + browser.token.slice(index + 1));
          return (await forged.get('/me')).status;
        }),
      );
      expect(new Set(outcomes)).toEqual(new Set([401]));
      expect((await browser.get('/me')).json()).toMatchObject({ id: session.id });
    });

    it('never mixes up two users over 400 interleaved requests (GitHub 2021)', async () => {
      const users = await Promise.all(['left', 'right'].map(async (userId) => signIn(userId)));
      const seen = await Promise.all(
        Array.from({ length: 200 }).flatMap(() =>
          users.map(async ({ browser, session }) => {
            const response = await browser.clone().get('/me');
            return response.status === 200 && viewOf(response).id === session.id;
          }),
        ),
      );
      expect(seen).toHaveLength(400);
      expect(seen.filter((right) => !right)).toEqual([]);
    });

    it('is signed in at once after 100 sign-ins on a slow store (expressjs/session#360)', async () => {
      app.store.before = () => latency(20);
      try {
        const statuses = await Promise.all(
          Array.from({ length: 100 }, async (_, index) => {
            const { browser } = await signIn(`hasty-${index}`);
            return (await browser.get('/me')).status;
          }),
        );
        expect(statuses.filter((status) => status !== 200)).toEqual([]);
      } finally {
        app.store.recover();
      }
    });

    // Express takes five times as long for the same proof.
    const visitors = adapter === 'fastify' ? 10_000 : 2_000;
    it(`stores nothing and asks nothing for ${visitors} visitors without a session (expressjs/session#511)`, async () => {
      const entries = await backend.countEntries();
      const calls = app.store.calls.length;
      const garbage = [
        '',
        'undefined',
        'null',
        'x'.repeat(64).replace('x', '!'),
        'a'.repeat(63),
        'a'.repeat(65),
        '%00',
      ];
      const visit = async (index: number) => {
        const value = garbage[index % (garbage.length + 1)];
        const cookies = value === undefined ? [] : [`__Host-session=${value}`];
        const { status } = await app.client.send({ path: index % 2 ? '/me' : '/maybe', cookies });
        return status === (index % 2 ? 401 : 200);
      };
      const answers: boolean[] = [];
      for (let start = 0; start < visitors; start += 100) {
        answers.push(...(await Promise.all(Array.from({ length: 100 }, (_, offset) => visit(start + offset)))));
      }
      expect(answers.filter((right) => !right)).toEqual([]);
      expect(app.store.calls.length).toBe(calls);
      expect(await backend.countEntries()).toBe(entries);
    }, 120_000);

    it('says nothing secret in any log line', async () => {
      const { browser } = await signIn('quiet');
      await browser.post('/sign-out');
      expect(app.log.filter((line) => /[A-Za-z0-9_-]{64}/.test(line))).toEqual([]);
      expect(app.log.filter((line) => /^(error|fatal|warn)/.test(line))).toEqual([]);
    });
  });
}
