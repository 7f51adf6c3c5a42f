import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Query, Redirect, UseGuards, type INestApplication } from '@nestjs/common';
import { Public, safeReturnTo, SessionGuard, type Session, type SessionModuleOptions } from 'nest-sessions';
import { AccountController } from '../e2e/support/account.controller.js';
import { ADAPTERS, startTestApp, type TestApp, type TestAppSettings } from '../e2e/support/test-app.js';
import type { TestResponse } from '../e2e/support/test-client.js';

const CROSS_SITE = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };

/** What takes somebody back to where they came from. */
@UseGuards(SessionGuard)
@Controller('back')
class BackController {
  @Public()
  @Get()
  @Redirect()
  back(@Query('to') to: string) {
    return { url: safeReturnTo(to), statusCode: 302 };
  }

  @Get('page')
  page() {
    return {};
  }
}

interface BodyParsers {
  /** Express */
  useBodyParser(type: 'json', options: { type: string[] }): void;
  /** Fastify */
  removeContentTypeParser(type: string): void;
  addContentTypeParser(type: string, options: object, parse: (...args: [unknown, string, Done]) => void): void;
}

type Done = (error: null, body: unknown) => void;

/** An application that takes text for JSON, as some do for `sendBeacon`. */
function takeTextForJson(nest: INestApplication): void {
  const http = nest.getHttpAdapter();
  if (http.getType() === 'express') {
    (nest as unknown as BodyParsers).useBodyParser('json', { type: ['application/json', 'text/plain'] });
    return;
  }
  const fastify = http.getInstance() as BodyParsers;
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser('text/plain', { parseAs: 'string' }, (_, body, done) => done(null, JSON.parse(body)));
}

describe.each(ADAPTERS)('ASVS 5.0 V3, cookies and other sites, on %s', (adapter) => {
  const apps: TestApp[] = [];
  const environment = process.env.NODE_ENV;

  afterEach(async () => {
    if (environment === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = environment;
    for (const app of apps.splice(0)) await app.close();
  });

  const start = async (options: Partial<SessionModuleOptions> = {}, more: Partial<TestAppSettings> = {}) => {
    const app = await startTestApp({ adapter, options, controllers: [AccountController, BackController], ...more });
    apps.push(app);
    return app;
  };

  /** Every way in which a session cookie goes out, with the answers that carry it. */
  const journey = async (app: TestApp) => {
    const browser = app.openBrowser();
    const answers: TestResponse[] = [];
    for (const path of ['/start', '/sign-in', '/reauthenticate', '/rotate', '/switch-user', '/sign-out']) {
      answers.push(await browser.post(path, { userId: 'ada' }));
    }
    const again = await browser.post('/sign-in', { userId: 'ada' });
    answers.push(again);
    const { id } = again.json() as Session;
    answers.push(await browser.send('DELETE', `/devices/${id}`));
    for (const answer of answers) expect([answer.status < 300, answer.setCookies.length]).toEqual([true, 1]);
    return { answers, cookies: answers.flatMap(({ setCookies }) => setCookies) };
  };

  it('V3.3.1 sends Secure and a prefix with every cookie, believes no cookie without, and refuses to do otherwise in production', async () => {
    const app = await start();
    for (const cookie of (await journey(app)).cookies) expect(cookie).toMatch(/^__Host-session=.*; Secure(;|$)/);
    // A script on plain http, or a neighbour on the network, can plant names without a prefix.
    const { token } = await app.sessions.create({ userId: 'mallory' });
    for (const name of ['session', '__Secure-session', '__host-session', 'Host-session', '\u00a0__Host-session']) {
      const answer = await app.client.send({ path: '/me', cookies: [`${name}=${token}`] });
      expect([name, answer.status]).toEqual([name, 401]);
    }
    process.env.NODE_ENV = 'production';
    await expect(start({ cookie: { secure: false } })).rejects.toMatchObject({ option: 'cookie.secure' });
  });

  it.each(['lax', 'strict', 'none'] as const)(
    'V3.3.2 says SameSite with every cookie, and Secure with it (%s)',
    async (sameSite) => {
      const app = await start(sameSite === 'lax' ? {} : { cookie: { sameSite } });
      const wanted = new RegExp(`; SameSite=${sameSite}(;|$)`, 'i');
      for (const cookie of (await journey(app)).cookies) {
        expect(cookie).toMatch(wanted);
        expect(cookie).toContain('; Secure');
      }
      await expect(start({ cookie: { sameSite: 'none', secure: false } })).rejects.toMatchObject({
        option: 'cookie.sameSite',
      });
    },
  );

  it('V3.3.3 binds the cookie to its host, so that a sibling can plant none', async () => {
    const app = await start();
    for (const cookie of (await journey(app)).cookies) {
      expect(cookie).toMatch(/^__Host-[^;]*; (Max-Age=0; )?Path=\/;/);
      expect(cookie).not.toMatch(/domain/i);
    }
    const shared = await start({ cookie: { domain: 'example.test' } });
    for (const cookie of (await journey(shared)).cookies)
      expect(cookie).toMatch(/^__Secure-.*; Domain=example\.test; Path=\/;/);
    await expect(start({ cookie: { name: '__Host-id', domain: 'example.test' } })).rejects.toMatchObject({
      option: 'cookie.name',
    });
    // Tossed from a sibling where cookies are shared: it comes beside the real one, and neither is believed.
    const [victim, attacker] = [
      await shared.sessions.create({ userId: 'ada' }),
      await shared.sessions.create({ userId: 'mallory' }),
    ];
    const cookies = [`__Secure-session=${attacker.token}; __Secure-session=${victim.token}`];
    expect((await shared.client.send({ path: '/me', cookies })).status).toBe(401);
  });

  it('V3.3.4 keeps the token from scripts: HttpOnly, and in nothing but Set-Cookie', async () => {
    const app = await start();
    const browser = app.openBrowser();
    const tokens: string[] = [];
    const told: string[] = [];
    const visit = async (method: string, path: string, body?: object) => {
      const { text, headers, setCookies } = await browser.send(method, path, body);
      for (const cookie of setCookies) expect(cookie).toContain('; HttpOnly');
      told.push(text, JSON.stringify({ ...headers, 'set-cookie': undefined }));
      const token = browser.jar.get('__Host-session');
      if (token !== undefined) tokens.push(token);
    };
    await visit('POST', '/sign-in', { userId: 'ada', device: 'laptop' });
    await visit('POST', '/note', { note: 'a' });
    for (const path of ['/me', '/devices', '/cart', '/maybe', '/poll', '/nowhere', '/fail/other']) {
      await visit('GET', path);
    }
    for (const path of ['/reauthenticate', '/rotate', '/email', '/sign-out']) await visit('POST', path, {});
    expect(new Set(tokens).size).toBe(3);
    const everything = [...told, ...app.log].join('\n');
    for (const token of tokens) {
      const secret = Buffer.from(token, 'base64url').subarray(16);
      for (const form of [token.slice(24), secret.toString('hex'), secret.toString('base64').slice(0, 40)]) {
        expect(everything).not.toContain(form);
      }
    }
  });

  it('V3.3.5 refuses at boot a name that would make the cookie longer than browsers keep', async () => {
    const longest = '__Host-'.padEnd(4096 - 64, 'n');
    const app = await start({ cookie: { name: longest } });
    const { setCookies } = await app.openBrowser().post('/sign-in', { userId: 'ada' });
    const [pair = ''] = setCookies[0]?.split(';') ?? [];
    expect(Buffer.byteLength(pair.replace('=', ''))).toBe(4096);
    expect((await app.client.send({ path: '/me', cookies: [pair] })).status).toBe(200);
    await expect(start({ cookie: { name: `${longest}n` } })).rejects.toMatchObject({
      name: 'SessionConfigurationError',
      option: 'cookie.name',
    });
  });

  it('V3.5.1 refuses requests that another site makes the browser of a user send, and one that signs in', async () => {
    const app = await start();
    const browser = app.openBrowser();
    const { id } = (await browser.post('/sign-in', { userId: 'ada' })).json() as Session;
    const cookies = [`__Host-session=${browser.token}`];
    for (const path of ['/note', '/rotate', '/reauthenticate', '/sign-out', '/sign-in', '/switch-user', '/start']) {
      for (const headers of [
        CROSS_SITE,
        { Origin: 'https://evil.example' },
        { ...CROSS_SITE, 'Sec-Fetch-Site': 'same-site' },
      ]) {
        const body = { userId: 'mallory', note: 'forged' };
        const answer = await app.client.send({ method: 'POST', path, headers, cookies, body });
        expect([path, answer.status, answer.setCookies]).toEqual([path, 403, []]);
      }
    }
    const forged = await app.client.send({ method: 'DELETE', path: `/devices/${id}`, headers: CROSS_SITE, cookies });
    expect(forged.status).toBe(403);
    expect((await browser.get('/me')).json()).toMatchObject({ id, userId: 'ada', data: {} });
  });

  it('V3.5.2 is not got round by a body that needs no preflight: JSON called text/plain', async () => {
    const app = await start({}, { configure: takeTextForJson });
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    const url = `${await app.nest.getUrl()}/note`;
    const send = (headers: Record<string, string>, note: string) =>
      fetch(url, {
        method: 'POST',
        headers: { 'Content-Type': 'text/plain', Cookie: `__Host-session=${browser.token}`, ...headers },
        body: JSON.stringify({ note }),
      });
    expect((await send({ 'Sec-Fetch-Site': 'same-origin' }, 'own')).status).toBe(201);
    expect((await send(CROSS_SITE, 'forged')).status).toBe(403);
    expect((await send({ Origin: 'null' }, 'forged')).status).toBe(403);
    expect((await browser.get('/me')).json()).toMatchObject({ data: { note: 'own' } });
  });

  it('V3.5.3 goes by the method of the request, which nothing in it can talk away', async () => {
    const app = await start();
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    const cookies = [`__Host-session=${browser.token}`];
    const before = app.store.calls.length;
    for (const path of ['/sign-out', '/rotate', '/reauthenticate', '/note', '/sign-in?userId=mallory']) {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        const headers = { ...CROSS_SITE, 'X-HTTP-Method-Override': 'POST', 'X-Method-Override': 'POST' };
        const answer = await app.client.send({
          method,
          path: `${path}${path.includes('?') ? '&' : '?'}_method=POST`,
          headers,
          cookies,
        });
        expect([method, path, answer.setCookies]).toEqual([method, path, []]);
      }
      const headers = { ...CROSS_SITE, 'X-HTTP-Method-Override': 'GET', 'X-HTTP-Method': 'GET' };
      expect((await app.client.send({ method: 'POST', path, headers, cookies })).status).toBe(403);
    }
    expect(app.store.calls.slice(before)).toEqual([]);
    expect((await browser.get('/me')).json()).toMatchObject({ userId: 'ada' });
  });

  it('V3.5.8 gives other sites nothing of a user to embed, with resourceIsolation', async () => {
    const app = await start({ resourceIsolation: true });
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    const see = async (site: string, mode: string, dest: string) => {
      const headers = { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode, 'Sec-Fetch-Dest': dest };
      const cookies = [`__Host-session=${browser.token}`];
      return app.client.send({ path: '/devices', headers, cookies });
    };
    for (const site of ['cross-site', 'same-site']) {
      for (const [mode = '', dest = ''] of [
        ['no-cors', 'image'],
        ['no-cors', 'empty'],
        ['cors', 'empty'],
        ['navigate', 'iframe'],
        ['navigate', 'object'],
      ]) {
        const answer = await see(site, mode, dest);
        expect([site, dest, answer.status, answer.text.includes('ada')]).toEqual([site, dest, 403, false]);
      }
      expect((await see(site, 'navigate', 'document')).status).toBe(200);
    }
    const own = await see('same-origin', 'cors', 'empty');
    expect([own.status, own.headers['cross-origin-resource-policy']]).toEqual([200, 'same-origin']);
  });

  it('V3.7.2 sends nobody to another site, whatever address is handed to it', async () => {
    const careless: SessionModuleOptions['redirect'] = ({ path }) =>
      new URL(path, 'http://base').searchParams.get('next') ?? '/';
    const app = await start({ redirect: careless });
    const elsewhere = [
      '//evil.example',
      '/\\evil.example',
      'https:evil.example',
      'https://evil.example',
      '\\\\evil.example',
      '/\t/evil.example',
      'javascript:alert(1)',
      '/\n/evil.example',
      ' //evil.example',
      '',
    ];
    for (const target of elsewhere) {
      const answer = await app.client.send({ path: `/back?to=${encodeURIComponent(target)}` });
      expect([target, answer.headers.location]).toEqual([target, '/']);
      const path = `/back/page?next=${encodeURIComponent(target)}`;
      const page = await app.client.send({ path, headers: { Accept: 'text/html' } });
      expect([target, page.status, page.headers.location]).toEqual([target, 500, undefined]);
    }
    const home = await app.client.send({ path: `/back?to=${encodeURIComponent('/account?tab=2#x')}` });
    expect(home.headers.location).toBe('/account?tab=2#x');
    const page = await app.client.send({ path: '/back/page?next=/sign-in', headers: { Accept: 'text/html' } });
    expect([page.status, page.headers.location]).toEqual([303, '/sign-in']);
  });
});
