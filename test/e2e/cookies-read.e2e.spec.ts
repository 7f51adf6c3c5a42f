import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { ADAPTERS, startTestApp, type AdapterName, type TestApp } from './support/test-app.js';
import type { SessionModuleOptions } from 'nest-sessions';

const TOKEN = '[A-Za-z0-9_-]{64}';

const startWith = (adapter: AdapterName, options: Partial<SessionModuleOptions> = {}) =>
  startTestApp({ adapter, options });

/** The bytes of the text in UTF-8, one character each, as Node writes and reads headers. */
const asBytes = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

describe.each(ADAPTERS)('the session cookie coming in on %s', (adapter) => {
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
      // What Chromium stores and sends for names that start with a blank of Unicode ("Cookie Chaos", PortSwigger).
      ...['\u00a0', '\u2000', '\u3000', '\ufeff', '\u0085'].map((blank) => asBytes(`${blank}__Host-session`)),
      asBytes('__Host-session\u2000'),
      '\u00a0__Host-session',
      '__Host-session\u00a0',
      '%5F%5FHost-session',
      '"__Host-session"',
      '=__Host-session',
      '__proto__',
      'constructor',
    ];
    const calls = app.store.calls.length;
    for (const name of names) expect((await me(`${name}=${token}`)).status).toBe(401);
    expect(app.store.calls.length).toBe(calls);
    for (const name of names) {
      const both = await me(`${name}=${other}; __Host-session=${token}`);
      expect([name, both.json()]).toEqual([name, expect.objectContaining({ userId: 'ada' })]);
    }
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

  it('counts as signed out when it comes twice with different values, is logged and taken back (expressjs/session#881)', async () => {
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

  it.each([
    ['sid', { status: 401, asked: 0 }],
    ['__Secure-sid', { status: 401, asked: 0 }],
    ['__Host-sid', { status: 200, asked: 1 }],
  ])(
    '%s is not one that a sibling host planted for a path, which comes first (cookie tossing, expressjs/session#881)',
    async (name, expected) => {
      const named = await startWith(adapter, { cookie: { name } });
      const browsers = [named.openBrowser(), named.openBrowser()];
      for (const [index, browser] of browsers.entries()) await browser.post('/sign-in', { userId: `user-${index}` });
      const [mine = '', theirs = ''] = browsers.map((browser) => browser.jar.get(name));
      const before = named.store.count('find');
      const header = `sid=${theirs}; __Secure-sid=${theirs}; a=1; sid=${mine}; __Secure-sid=${mine}; __Host-sid=${mine}`;
      const { status, text } = await named.client.send({ path: '/me', cookies: [header] });
      expect({ status, asked: named.store.count('find') - before }).toEqual(expected);
      expect(text).not.toContain('user-1');
      await named.close();
    },
  );

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

describe('the session cookie over HTTP/2, where browsers send each cookie as a header of its own', () => {
  it('is found among them, and ambiguous when two headers disagree', async () => {
    const app = await startTestApp({ adapter: new FastifyAdapter({ http2: true }) });
    const origin = connect(await app.nest.getUrl());
    try {
      const send = async (cookie: readonly string[], path = '/me', body?: object) => {
        const method = body ? 'POST' : 'GET';
        const headers = { ':path': path, ':method': method, cookie: [...cookie], 'content-type': 'application/json' };
        const stream = origin.request(headers);
        stream.end(body && JSON.stringify(body));
        const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
        stream.resume();
        return answer;
      };
      const tokens = [];
      for (const userId of ['ada', 'mallory']) {
        const [line = ''] = (await send([], '/sign-in', { userId }))['set-cookie'] ?? [];
        tokens.push(line.split(';', 1)[0] ?? '');
      }
      const [mine = '', theirs = ''] = tokens;
      expect(mine).toMatch(new RegExp(`^__Host-session=${TOKEN}$`));
      expect((await send(['a=1', mine, 'b=2']))[':status']).toBe(200);
      expect((await send([mine, mine]))[':status']).toBe(200);
      expect((await send([mine, 'a=1', theirs]))[':status']).toBe(401);
    } finally {
      origin.destroy();
      await app.close();
    }
  });
});
