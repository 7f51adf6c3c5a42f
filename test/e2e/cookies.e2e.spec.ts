import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Param, Post, Redirect, Res, StreamableFile } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CurrentHttpSession, Public, type HttpSession, type SessionModuleOptions } from 'nest-sessions';
import { Readable } from 'node:stream';
import { Gate } from '../support/barrier.js';
import { AccountController } from './support/account.controller.js';
import { ADAPTERS, startTestApp, type AdapterName, type TestApp } from './support/test-app.js';

@Controller('themed')
class ThemedController {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  @Public()
  @Post('sign-in')
  async signIn(@CurrentHttpSession() http: HttpSession, @Res({ passthrough: true }) response: unknown) {
    this.adapterHost.httpAdapter.appendHeader(response, 'Set-Cookie', 'before=1; Path=/');
    await http.signIn({ userId: 'ada' });
    this.adapterHost.httpAdapter.appendHeader(response, 'Set-Cookie', 'after=2; Path=/');
  }

  @Public()
  @Post('redirect')
  @Redirect('/me', 303)
  async redirect(@CurrentHttpSession() http: HttpSession): Promise<void> {
    await http.signIn({ userId: 'ada' });
  }

  @Public()
  @Post('stream')
  async stream(@CurrentHttpSession() http: HttpSession): Promise<StreamableFile> {
    await http.signIn({ userId: 'ada' });
    return new StreamableFile(Readable.from(['a', 'b', 'c']));
  }

  /** Answers first and signs in afterwards, or while the store is still at it. */
  @Public()
  @Post('too-late/:moment')
  async tooLate(
    @Param('moment') moment: string,
    @CurrentHttpSession() http: HttpSession,
    @Res() response: unknown,
  ): Promise<void> {
    const answer = () => this.adapterHost.httpAdapter.reply(response, { answered: true }, 201);
    if (moment === 'before') await answer();
    const signedIn = http.signIn({ userId: `late-${moment}` });
    if (moment === 'during') await answer();
    reportTooLate(await signedIn.catch((error: unknown) => error));
  }
}

let reportTooLate: (outcome: unknown) => void = () => undefined;

const TOKEN = '[A-Za-z0-9_-]{64}';

const startWith = (adapter: AdapterName, options: Partial<SessionModuleOptions> = {}) =>
  startTestApp({ adapter, options, controllers: [AccountController, ThemedController] });

const signInWith = async (adapter: AdapterName, options: Partial<SessionModuleOptions>) => {
  const app = await startWith(adapter, options);
  try {
    const { setCookies } = await app.openBrowser().post('/sign-in', { userId: 'ada' });
    const { setCookies: cleared } = await app.openBrowser().post('/sign-out');
    return { set: setCookies, cleared };
  } finally {
    await app.close();
  }
};

describe.each(ADAPTERS)('the session cookie on %s', (adapter) => {
  describe('going out', () => {
    let app: TestApp;

    beforeAll(async () => {
      app = await startWith(adapter);
    });

    afterAll(() => app?.close());

    it('is __Host-, Secure, HttpOnly, Lax, for the whole host and the browser’s session (ASVS 3.3.1 to 3.3.4)', async () => {
      const { set, cleared } = await signInWith(adapter, {});
      expect(set).toEqual([
        expect.stringMatching(new RegExp(`^__Host-session=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=Lax$`)),
      ]);
      expect(cleared).toEqual([
        '__Host-session=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax',
      ]);
    });

    it('lasts until the absolute timeout when persistent', async () => {
      const { set } = await signInWith(adapter, { absoluteTimeout: '2h', cookie: { persistent: true } });
      expect(set).toEqual([expect.stringContaining('; Max-Age=7200; Path=/')]);
    });

    it('never asks a browser for more than the 400 days it grants', async () => {
      const { set } = await signInWith(adapter, { absoluteTimeout: '900d', cookie: { persistent: true } });
      expect(set).toEqual([expect.stringContaining('; Max-Age=34560000; Path=/')]);
    });

    it('is __Secure- when shared with a domain, and cleared there', async () => {
      const { set, cleared } = await signInWith(adapter, { cookie: { domain: 'example.test', sameSite: 'strict' } });
      expect(set).toEqual([
        expect.stringMatching(
          new RegExp(`^__Secure-session=${TOKEN}; Domain=example.test; Path=/; HttpOnly; Secure; SameSite=Strict$`),
        ),
      ]);
      expect(cleared).toEqual([expect.stringMatching(/^__Secure-session=; Max-Age=0; Domain=example.test; Path=\/;/)]);
    });

    it('has neither prefix nor Secure for development over plain http', async () => {
      const { set } = await signInWith(adapter, { insecureCookie: true });
      expect(set).toEqual([expect.stringMatching(new RegExp(`^session=${TOKEN}; Path=/; HttpOnly; SameSite=Lax$`))]);
    });

    it('leaves the cookies alone that the application sets before and after', async () => {
      const { setCookies } = await app.openBrowser().post('/themed/sign-in');
      expect(setCookies.map((line) => line.split('=', 1)[0])).toEqual(['before', '__Host-session', 'after']);
    });

    it('is set once in a response that signs out and in again', async () => {
      const browser = app.openBrowser();
      await browser.post('/sign-in', { userId: 'ada' });
      const { setCookies } = await browser.post('/switch-user', { userId: 'bob' });
      expect(setCookies).toEqual([expect.stringMatching(new RegExp(`^__Host-session=${TOKEN};`))]);
      expect((await browser.get('/me')).json()).toMatchObject({ userId: 'bob' });
    });

    it.each(['redirect', 'stream'])('goes out with a %s (pain 31)', async (kind) => {
      const browser = app.openBrowser();
      await browser.post(`/themed/${kind}`);
      expect((await browser.get('/me')).json()).toMatchObject({ userId: 'ada' });
    });

    it.each(['before', 'during'])(
      'cannot be set when the answer was sent %s, and no session is left',
      async (moment) => {
        const outcome = new Promise((resolve) => (reportTooLate = resolve));
        const gate = new Gate();
        app.store.before = (method) => (method === 'create' ? gate.pass() : undefined);
        expect((await app.openBrowser().post(`/themed/too-late/${moment}`)).setCookies).toEqual([]);
        gate.open();
        expect(await outcome).toMatchObject({ code: 'SESSION_ARGUMENT' });
        app.store.recover();
        expect(await app.sessions.listByUser(`late-${moment}`)).toEqual([]);
      },
    );

    it('makes its response uncacheable, whatever the handler says (ASVS 14.3.2)', async () => {
      const { headers } = await app.openBrowser().post('/sign-in-cacheable', { userId: 'ada' });
      expect(headers['cache-control']).toBe('no-store');
      expect(headers.vary).toBe('Accept, Cookie');
      const plain = await app.openBrowser().get('/open');
      expect(plain.headers['cache-control']).toBeUndefined();
      expect(plain.headers.vary).toBeUndefined();
    });
  });

  describe('coming in', () => {
    let app: TestApp;

    beforeAll(async () => {
      app = await startWith(adapter);
    });

    afterAll(() => app?.close());

    let token: string;
    let other: string;

    beforeEach(async () => {
      const tokens = await Promise.all(
        ['ada', 'mallory'].map(async (userId) => {
          const browser = app.openBrowser();
          await browser.post('/sign-in', { userId });
          return browser.token;
        }),
      );
      [token = '', other = ''] = tokens;
    });

    const me = (...cookies: string[]) => app.client.send({ path: '/me', cookies });

    it('is found among others, in one header or several, with blanks around it', async () => {
      const headers = [
        [`__Host-session=${token}`],
        [`a=1; __Host-session=${token};b=2`],
        [`a=1;\t __Host-session \t=\t ${token} \t`],
        ['a=1', `__Host-session=${token}`, 'b=2'],
        [`=x; ; __proto__=y; constructor=z; __Host-session=${token}; toString`],
      ];
      for (const cookies of headers) expect((await me(...cookies)).json()).toMatchObject({ userId: 'ada' });
    });

    it('is only the cookie of exactly this name: no other case, no look-alike, nothing decoded', async () => {
      const names = [
        '__host-session',
        '__HOST-SESSION',
        '\u00a0__Host-session',
        '__Host-session\u00a0',
        '%5F%5FHost-session',
      ];
      const calls = app.store.calls.length;
      for (const name of names) expect((await me(`${name}=${token}`)).status).toBe(401);
      expect(app.store.calls.length).toBe(calls);
      expect((await me(`\u00a0__Host-session=${other}; __Host-session=${token}`)).json()).toMatchObject({
        userId: 'ada',
      });
    });

    it.each(['', 'undefined', 'null', 'true', '{}', '"', '%00', '..', '0', 'a'.repeat(64), 'é'.repeat(32)])(
      'never asks the store for the value %j, in quotes neither (Django CVE-2015-3982)',
      async (value) => {
        const calls = app.store.calls.length;
        const bytes = Buffer.from(value).toString('latin1');
        expect((await me(`__Host-session=${bytes}`)).status).toBe(401);
        expect((await me(`__Host-session="${token}"`)).status).toBe(401);
        expect(app.store.calls.length).toBe(calls);
      },
    );

    it('counts as signed out when it comes twice with different values, is logged and taken back (pain 60)', async () => {
      const calls = app.store.calls.length;
      const responses = [
        await me(`__Host-session=${other}; x=1; __Host-session=${token}`),
        await me(`__Host-session=${token}`, `__Host-session=${other}`),
        await me(`__Host-session=${token}; __Host-session=`),
      ];
      for (const response of responses) {
        expect(response.status).toBe(401);
        expect(response.setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0; Path=\//)]);
      }
      expect(app.store.calls.length).toBe(calls);
      const warnings = app.log.filter((line) => line.startsWith('warn ambiguous'));
      expect(warnings.length).toBeGreaterThanOrEqual(3);
      expect((await me(`__Host-session=${token}`)).status).toBe(200);
    });

    it('is taken back where only this host gets it when it is shared with a domain', async () => {
      const shared = await startWith(adapter, { cookie: { domain: 'example.test' } });
      const pair = [`__Secure-session=${token}; __Secure-session=${other}`];
      const refused = await shared.client.send({ path: '/me', cookies: pair });
      expect(refused.setCookies).toEqual([expect.stringMatching(/^__Secure-session=; Max-Age=0; Path=\/;/)]);
      const signedIn = await shared.client.send({
        method: 'POST',
        path: '/sign-in',
        body: { userId: 'ada' },
        cookies: pair,
      });
      expect(signedIn.setCookies).toEqual([
        expect.stringMatching(/^__Secure-session=; Max-Age=0; Path=\/;/),
        expect.stringMatching(new RegExp(`^__Secure-session=${TOKEN}; Domain=example.test;`)),
      ]);
      await shared.close();
    });

    it('never reaches the store when it was made without our key', async () => {
      const keyed = await startWith(adapter, { tokenKeys: ['a key of at least thirty-two bytes'] });
      const calls = keyed.store.calls.length;
      expect((await keyed.client.send({ path: '/me', cookies: [`__Host-session=${token}`] })).status).toBe(401);
      expect(keyed.store.calls.length).toBe(calls);
      const browser = keyed.openBrowser();
      await browser.post('/sign-in', { userId: 'ada' });
      expect((await browser.get('/me')).status).toBe(200);
      await keyed.close();
    });

    it('is one cookie when it comes twice with the same value', async () => {
      expect((await me(`__Host-session=${token}; __Host-session=${token}`)).json()).toMatchObject({ userId: 'ada' });
    });

    it('ends neither session of an ambiguous pair when the visitor signs in', async () => {
      const response = await app.client.send({
        method: 'POST',
        path: '/sign-in',
        body: { userId: 'carol' },
        cookies: [`__Host-session=${token}; __Host-session=${other}`],
      });
      expect(response.status).toBe(201);
      expect(response.setCookies).toHaveLength(1);
      expect((await me(`__Host-session=${token}`)).status).toBe(200);
      expect((await me(`__Host-session=${other}`)).status).toBe(200);
    });

    it("ends every session of an ambiguous pair when the visitor signs out: one of them is the visitor's", async () => {
      const pair: string[] = [];
      for (const userId of ['dora', 'mallory']) {
        const browser = app.openBrowser();
        await browser.post('/sign-in', { userId });
        pair.push(`__Host-session=${browser.token}`);
      }
      const signOut = await app.client.send({ method: 'POST', path: '/sign-out', cookies: [pair.join('; ')] });
      expect(signOut.status).toBe(200);
      for (const cookie of pair) expect((await me(cookie)).status).toBe(401);
    });

    it('is never read from the URL, the body or another header (ASVS 14.2.1)', async () => {
      const asked = await app.client.send({
        path: `/me?__Host-session=${token}&session=${token}`,
        headers: { Authorization: `Bearer ${token}`, 'X-Session': token },
      });
      expect(asked.status).toBe(401);
    });
  });
});
