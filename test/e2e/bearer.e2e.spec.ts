import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SessionModuleOptions } from 'nest-sessions';
import { BearerTokenFormat } from '#src/core/token/bearer-token.js';
import { AccountController } from './support/account.controller.js';
import { MobileController, type Handed } from './support/mobile.controller.js';
import { ADAPTERS, startTestApp, type AdapterName, type TestApp } from './support/test-app.js';

const startWith = (adapter: AdapterName, options: Partial<SessionModuleOptions> = { bearer: true }) =>
  startTestApp({ adapter, options, controllers: [AccountController, MobileController] });

const BEARER = /^nss_[A-Za-z0-9_-]{64}[0-9A-Za-z]{6}$/;

describe.each(ADAPTERS)('a bearer session on %s', (adapter) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startWith(adapter);
  });

  afterAll(() => app?.close());

  /** Sends `Authorization` headers, and cookies besides. */
  const send = (path: string, authorization: string | readonly string[] = [], cookies: readonly string[] = []) =>
    app.client.send({
      method: /me$|transport$/.test(path) ? 'GET' : 'POST',
      path,
      cookies,
      headers: [authorization].flat().map((value) => ['Authorization', value]),
      body: /me$|transport$/.test(path) ? undefined : {},
    });

  const signIn = async (userId = 'ada', cookies: readonly string[] = []) => {
    const answer = await app.client.send({ method: 'POST', path: '/mobile/sign-in', body: { userId }, cookies });
    return { ...answer, token: (answer.json() as Handed).token ?? '' };
  };

  const me = (token: string, cookies: readonly string[] = []) => send('/mobile/me', `Bearer ${token}`, cookies);

  it('hands its token to the handler once, sets no cookie, and its answer is not stored', async () => {
    const answer = await signIn();
    expect(answer.json()).toMatchObject({
      session: { userId: 'ada' },
      token: expect.stringMatching(BEARER),
      again: null,
    });
    expect(answer.setCookies).toEqual([]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect((await me(answer.token)).json()).toEqual({ userId: 'ada', transport: 'bearer', token: null });
  });

  it('may be anonymous', async () => {
    const { token } = (await send('/mobile/start')).json() as Handed;
    expect((await send('/mobile/transport', `Bearer ${token}`)).json()).toEqual({
      transport: 'bearer',
    });
    expect((await me(token ?? '')).status).toBe(401);
  });

  it.each(['rotate', 'reauthenticate'])('gets a new token by %s, and the old one is dead', async (way) => {
    const { token } = await signIn();
    const answer = await send(`/mobile/${way}`, `Bearer ${token}`);
    const next = (answer.json() as Handed).token ?? '';
    expect(next).toMatch(BEARER);
    expect(answer.setCookies).toEqual([]);
    expect([(await me(token)).status, (await me(next)).status]).toEqual([401, 200]);
  });

  it('is ended by signing out, which clears no cookie but what it is told to', async () => {
    const { token } = await signIn();
    const plain = await send('/sign-out', `Bearer ${token}`);
    expect(plain.json()).toMatchObject({ ended: true });
    expect(plain.setCookies).toEqual([]);
    expect(plain.headers['clear-site-data']).toBeUndefined();
    expect((await me(token)).status).toBe(401);
    const told = await send('/mobile/sign-out', `Bearer ${(await signIn()).token}`);
    expect([told.json(), told.headers['clear-site-data'], told.setCookies]).toEqual([{ ended: true }, '"storage"', []]);
  });

  it('is read with any spelling of the scheme and any number of spaces, and in no other form', async () => {
    const { token } = await signIn();
    for (const good of [`bearer ${token}`, `BEARER ${token}`, `Bearer    ${token}`, `Bearer ${token} `]) {
      expect([good, (await send('/mobile/me', good)).status]).toEqual([good, 200]);
    }
    const calls = app.store.calls.length;
    const bare = token.slice(4, 68);
    const bad = [
      token,
      `Bearer${token}`,
      `Bearer\t${token}`,
      `Bearer: ${token}`,
      `Bearer "${token}"`,
      `Bearer token=${token}`,
      `Basic ${Buffer.from(`x:${token}`).toString('base64')}`,
      `Session ${token}`,
      `Token ${token}`,
      `Bearer ${bare}`,
      `Bearer nss_${bare}`,
      `Bearer nss_${'A'.repeat(70)}`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer ${token} ${token}`,
      `Bearer ${token.replace('nss_', 'NSS_')}`,
      `Bearer ${new BearerTokenFormat('abc_').format(bare)}`,
      `Bearer ${new BearerTokenFormat('nss_').format('A'.repeat(63) + 'é').slice(0, 74)}`,
      'Bearer',
      'Bearer ',
      '',
    ];
    for (const value of bad) {
      const answer = await send('/mobile/me', value);
      expect([value, answer.status, answer.setCookies]).toEqual([value, 401, []]);
    }
    expect(app.store.calls.length).toBe(calls);
  });

  it('is never read from the URL, the body, a cookie or another header (ASVS 14.2.1)', async () => {
    const { token } = await signIn();
    const calls = app.store.calls.length;
    const asked = [
      { path: `/mobile/me?access_token=${token}&token=${token}&Authorization=Bearer%20${token}` },
      {
        path: '/mobile/rotate',
        method: 'POST',
        body: { access_token: token, token, authorization: `Bearer ${token}` },
      },
      { path: '/mobile/me', cookies: [`Authorization=Bearer ${token}; access_token=${token}`] },
      { path: '/mobile/me', cookies: [`__Host-session=${token}`] },
      {
        path: '/mobile/me',
        headers: { 'Proxy-Authorization': `Bearer ${token}`, 'X-Authorization': `Bearer ${token}` },
      },
    ];
    for (const request of asked) expect((await app.client.send(request)).status).toBe(401);
    expect(app.store.calls.length).toBe(calls);
  });

  it('counts for nothing beside a session cookie, whatever that holds: no store call, both stay (RFC 6750 2)', async () => {
    const { token } = await signIn();
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'bob' });
    const calls = app.store.calls.length;
    for (const cookie of [browser.token, token.slice(4, 68), 'garbage', '']) {
      const answer = await me(token, [`__Host-session=${cookie}`]);
      expect([cookie, answer.status, answer.setCookies]).toEqual([cookie, 401, []]);
    }
    const damaged = await me('nss_damaged', [`__Host-session=${browser.token}`]);
    expect(damaged.status).toBe(401);
    expect(app.store.calls.length).toBe(calls);
    expect(
      app.log.filter((line) => line.startsWith('warn ambiguous: a request carried cookie and bearer')),
    ).toHaveLength(5);
    expect([(await me(token)).status, (await browser.get('/me')).status]).toEqual([200, 200]);
  });

  it('is not believed in one of several Authorization headers, of which a proxy may have read the other', async () => {
    const { token } = await signIn();
    const other = (await signIn('mallory')).token;
    const calls = app.store.calls.length;
    for (const pair of [
      [token, other],
      [token, token],
      [token, 'nss_x'],
    ]) {
      expect(
        (
          await send(
            '/mobile/me',
            pair.map((one) => `Bearer ${one}`),
          )
        ).status,
      ).toBe(401);
    }
    expect((await send('/mobile/me', ['Basic eDp5', `Bearer ${token}`])).status).toBe(401);
    expect((await send('/mobile/me', [`Bearer ${token}`, 'Basic eDp5'])).status).toBe(401);
    expect(app.store.calls.length).toBe(calls);
  });

  it('leaves bearer tokens of other prefixes to the application, and the cookie counts', async () => {
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'bob' });
    const answer = await send('/mobile/me', 'Bearer eyJhbGciOiJub25lIn0.e30.', [`__Host-session=${browser.token}`]);
    expect(answer.json()).toEqual({ userId: 'bob', transport: 'cookie', token: null });
  });

  it('is told from a cookie: bearer only when no session cookie came', async () => {
    const { token } = await signIn();
    const cases: [readonly string[], readonly string[], string | null][] = [
      [[], [], null],
      [[`Bearer ${token}`], [], 'bearer'],
      [[`Bearer ${token}`], ['other=1'], 'bearer'],
      [['Bearer nss_damaged'], [], null],
      [[`Bearer ${token}`], ['__Host-session='], 'cookie'],
      [[`Bearer ${token}`], ['__Host-session=a; __Host-session=b'], 'cookie'],
      [[`Bearer ${token}`, `Bearer ${token}`], [], null],
      [[`Bearer ${token}`, `Bearer ${token}`], ['__Host-session=x'], 'cookie'],
      [[], ['__Host-session=x'], 'cookie'],
    ];
    for (const [authorization, cookies, transport] of cases) {
      expect((await send('/mobile/transport', authorization, cookies)).json()).toEqual({ transport });
    }
  });

  it('replaces a session in a cookie at sign-in, and that cookie is cleared', async () => {
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'ada' });
    const old = browser.token;
    const answer = await signIn('ada', [`__Host-session=${old}`]);
    expect(answer.setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0; Path=\//)]);
    expect((await app.client.send({ path: '/me', cookies: [`__Host-session=${old}`] })).status).toBe(401);
    expect((await me(answer.token)).status).toBe(200);
  });

  it('is the only one left when a handler signs in twice, by cookie first', async () => {
    const answer = await send('/mobile/both');
    const { token } = answer.json() as Handed;
    expect(answer.setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0;/)]);
    expect((await me(token ?? '')).status).toBe(200);
  });

  it('is replaced by a session in a cookie, whose token the handler never gets (ASVS 3.3.4)', async () => {
    const { token } = await signIn();
    const answer = await app.client.send({
      method: 'POST',
      path: '/mobile/sign-in',
      headers: { Authorization: `Bearer ${token}` },
      body: { userId: 'ada', transport: 'cookie' },
    });
    expect(answer.json()).toMatchObject({ session: { userId: 'ada' }, token: null, again: null });
    const [cookie = ''] = answer.setCookies;
    expect(answer.text).not.toContain(/=([^;]+)/.exec(cookie)?.[1]);
    expect((await me(token)).status).toBe(401);
  });

  it('ends with every session of a contradictory request when that signs out', async () => {
    const { token } = await signIn('carl');
    const browser = app.openBrowser();
    await browser.post('/sign-in', { userId: 'carl' });
    const answer = await send('/sign-out', `Bearer ${token}`, [`__Host-session=${browser.token}`]);
    expect(answer.json()).toMatchObject({ ended: true });
    expect(answer.setCookies).toEqual([expect.stringMatching(/^__Host-session=; Max-Age=0;/)]);
    expect(await app.sessions.listByUser('carl')).toEqual([]);
  });

  it('is in no log line, nor is its inside', async () => {
    const { token } = await signIn();
    await me(token);
    await me(token, ['__Host-session=x']);
    const text = app.log.join('\n');
    expect(text).not.toContain(token);
    expect(text).not.toContain(token.slice(4, 68));
  });

  it('is refused as an argument when it is off, or is no transport at all, before anything is stored', async () => {
    const wrong = async (one: TestApp, transport: string) => {
      const answer = await one.client.send({ method: 'POST', path: '/mobile/wrong', body: { transport } });
      return (answer.json() as { refusal: string }).refusal;
    };
    const before = app.store.count('create');
    expect(await wrong(app, 'header')).toBe("transport must be 'cookie' or 'bearer'");
    expect(app.store.count('create')).toBe(before);
    const without = await startWith(adapter, {});
    expect(await wrong(without, 'bearer')).toMatch(/^transport 'bearer' is off: turn it on by the option bearer/);
    expect(without.store.calls).not.toContain('create');
    const { token } = await signIn();
    expect((await without.client.send({ path: '/me', headers: { Authorization: `Bearer ${token}` } })).status).toBe(
      401,
    );
    await without.close();
  });

  it('has the prefix that the application chose', async () => {
    const acme = await startWith(adapter, { bearer: { prefix: 'acme_' }, tokenKeys: ['k'.repeat(32)] });
    const answer = await acme.client.send({ method: 'POST', path: '/mobile/sign-in', body: { userId: 'ada' } });
    const { token } = answer.json() as Handed;
    expect(token).toMatch(/^acme_[A-Za-z0-9_-]{64}[0-9A-Za-z]{6}$/);
    const asked = await acme.client.send({ path: '/mobile/me', headers: { Authorization: `Bearer ${token}` } });
    expect(asked.json()).toMatchObject({ userId: 'ada' });
    await acme.close();
  });
});
