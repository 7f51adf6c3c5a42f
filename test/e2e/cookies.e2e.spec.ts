import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

describe.each(ADAPTERS)('the session cookie going out on %s', (adapter) => {
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
    const { set } = await signInWith(adapter, { cookie: { secure: false } });
    expect(set).toEqual([expect.stringMatching(new RegExp(`^session=${TOKEN}; Path=/; HttpOnly; SameSite=Lax$`))]);
  });

  it('is held to what scripts cannot set where the browser knows the prefix __Host-Http-', async () => {
    const { set, cleared } = await signInWith(adapter, { cookie: { name: '__Host-Http-id' } });
    expect(set).toEqual([
      expect.stringMatching(new RegExp(`^__Host-Http-id=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=Lax$`)),
    ]);
    expect(cleared).toEqual([expect.stringMatching(/^__Host-Http-id=; Max-Age=0; Path=\/;.*; HttpOnly; Secure;/)]);
  });

  it('is partitioned in frames of other sites, and cleared in that partition', async () => {
    const { set, cleared } = await signInWith(adapter, { cookie: { sameSite: 'none', partitioned: true } });
    expect(set).toEqual([
      expect.stringMatching(
        new RegExp(`^__Host-session=${TOKEN}; Path=/; HttpOnly; Secure; Partitioned; SameSite=None$`),
      ),
    ]);
    expect(cleared).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0;.*; Secure; Partitioned;/)]);
  });

  it.each<Partial<SessionModuleOptions>>([
    {},
    { cookie: { name: '__Host-Http-id', persistent: true } },
    { cookie: { domain: 'example.test', sameSite: 'strict' } },
    { cookie: { sameSite: 'none', partitioned: true } },
    { cookie: { secure: false } },
  ])('is cleared with the attributes that it was set with: %j', async (options) => {
    const { set, cleared } = await signInWith(adapter, options);
    const attributesOf = ([cookie = '']: readonly string[]) =>
      cookie
        .split('; ')
        .slice(1)
        .filter((one) => !/^(Max-Age|Expires)=/.test(one));
    expect(set).toHaveLength(1);
    expect(attributesOf(cleared)).toEqual(attributesOf(set));
  });

  it('tells of a shared domain at boot, once and not as a warning', async () => {
    const shared = await startWith(adapter, { cookie: { domain: 'example.test' } });
    await shared.close();
    expect(shared.log.filter((line) => line.includes('example.test'))).toEqual([
      'log the session cookie "__Secure-session" goes to every host below example.test, and each of them can set one (ASVS 3.3.3)',
    ]);
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

  it.each(['redirect', 'stream'])('goes out with a %s (expressjs/session#360)', async (kind) => {
    const browser = app.openBrowser();
    await browser.post(`/themed/${kind}`);
    expect((await browser.get('/me')).json()).toMatchObject({ userId: 'ada' });
  });

  it.each(['before', 'during'])('cannot be set when the answer was sent %s, and no session is left', async (moment) => {
    const outcome = new Promise((resolve) => (reportTooLate = resolve));
    const gate = new Gate();
    app.store.before = (method) => (method === 'create' ? gate.pass() : undefined);
    expect((await app.openBrowser().post(`/themed/too-late/${moment}`)).setCookies).toEqual([]);
    gate.open();
    expect(await outcome).toMatchObject({ code: 'SESSION_ARGUMENT' });
    app.store.recover();
    expect(await app.sessions.listByUser(`late-${moment}`)).toEqual([]);
  });

  it('makes its response uncacheable, whatever the handler says (ASVS 14.3.2)', async () => {
    const { headers } = await app.openBrowser().post('/sign-in-cacheable', { userId: 'ada' });
    expect(headers['cache-control']).toBe('no-store');
    expect(headers.vary).toBe('Accept, Cookie');
    const plain = await app.openBrowser().get('/open');
    expect(plain.headers['cache-control']).toBeUndefined();
    expect(plain.headers.vary).toBeUndefined();
  });
});
